"""What GitHub's objects look like; `tests/data/github-shapes.json` holds the fields that real ones have."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def user(login: str) -> Json | None:
    """None for an account that was deleted, as GitHub has it."""
    if not login:
        return None
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"login": login, "id": sum(map(ord, login)), "type": kind, "html_url": f"https://github.com/{login}"}


def app(login: str) -> Json | None:
    """The App behind a bot; each has a number of its own."""
    if not login.endswith("[bot]"):
        return None
    slug = login.removesuffix("[bot]")
    return {"id": 12345 if slug == "kelos" else sum(map(ord, slug)), "slug": slug, "name": slug.title()}


def label(name: str) -> Json:
    return {"id": sum(map(ord, name)), "name": name, "color": "ededed", "default": False, "description": None}


def issue(thing: Json, repository: str, api: str) -> Json:
    """An issue, or a pull request as the listing of issues shows it."""
    number = thing["number"]
    kind = "pull" if thing["is_pull"] else "issues"
    found = {
        "url": f"{api}/repos/{repository}/issues/{number}",
        "repository_url": f"{api}/repos/{repository}",
        "html_url": f"https://github.com/{repository}/{kind}/{number}",
        "id": 1000 + number,
        "node_id": f"I_{number}",
        "locked": False,
        "comments": thing["comments"],
        "author_association": "NONE",
        **_common(thing),
    }
    if thing["is_pull"]:
        found["draft"] = thing["draft"]
        found["pull_request"] = {"url": f"{api}/repos/{repository}/pulls/{number}", "merged_at": None}
    return found


def pull(thing: Json, repository: str, api: str, *, is_whole: bool) -> Json:
    """A pull request; the listing leaves out what has to be counted."""
    number = thing["number"]
    found = {
        "url": f"{api}/repos/{repository}/pulls/{number}",
        "html_url": f"https://github.com/{repository}/pull/{number}",
        "id": 5000 + number,
        "node_id": f"PR_{number}",
        "locked": False,
        "draft": thing["draft"],
        "author_association": "NONE",
        "merged_at": None,
        "head": {"label": f"acme:{thing['branch']}", "ref": thing["branch"], "sha": thing["sha"]},
        "base": {"label": "acme:main", "ref": "main", "sha": "0" * 40},
        **_common(thing),
    }
    if is_whole:
        counts = {"comments": thing["comments"], "review_comments": thing["review_comments"]}
        found |= {**counts, "changed_files": len(thing["files"]), "merged": False, "mergeable": True}
    return found


def _common(thing: Json) -> Json:
    people = [user(login) for login in thing["assignees"]]
    return {
        "number": thing["number"],
        "title": thing["title"],
        "body": thing["body"] or None,
        "user": user(thing["author"]),
        "state": thing["state"],
        "labels": [label(name) for name in thing["labels"]],
        "assignee": people[0] if people else None,
        "assignees": people,
        "created_at": thing["created_at"],
        "updated_at": thing["updated_at"],
        "closed_at": None if thing["state"] == "open" else thing["updated_at"],
        "milestone": None,
    }


def comment(said: Json, repository: str, api: str) -> Json:
    return {
        "url": f"{api}/repos/{repository}/issues/comments/{said['id']}",
        "html_url": f"https://github.com/{repository}/issues/{said['number']}#issuecomment-{said['id']}",
        "issue_url": f"{api}/repos/{repository}/issues/{said['number']}",
        "id": said["id"],
        "node_id": f"IC_{said['id']}",
        "user": user(said["author"]),
        "created_at": said["created_at"],
        "updated_at": said["updated_at"],
        "author_association": "NONE",
        "performed_via_github_app": app(said["author"]),
        "body": said["body"],
    }


def review(said: Json, repository: str, api: str) -> Json:
    return {
        "id": said["id"],
        "node_id": f"PRR_{said['id']}",
        "user": user(said["author"]),
        "body": said["body"],
        "state": said["state"],
        "html_url": f"https://github.com/{repository}/pull/{said['number']}#pullrequestreview-{said['id']}",
        "pull_request_url": f"{api}/repos/{repository}/pulls/{said['number']}",
        "author_association": "NONE",
        "submitted_at": said["created_at"],
        "commit_id": said["commit"],
    }


def review_comment(said: Json, repository: str, api: str) -> Json:
    return {
        "url": f"{api}/repos/{repository}/pulls/comments/{said['id']}",
        "id": said["id"],
        "node_id": f"PRRC_{said['id']}",
        "diff_hunk": "@@ -1 +1 @@",
        "path": said["path"],
        "line": said["line"],
        "commit_id": said["commit"],
        "original_commit_id": said["commit"],
        "user": user(said["author"]),
        "body": said["body"],
        "created_at": said["created_at"],
        "updated_at": said["updated_at"],
        "author_association": "NONE",
    }


def file(path: str) -> Json:
    return {"sha": "f" * 40, "filename": path, "status": "modified", "additions": 1, "deletions": 0, "changes": 1}


def check_run(run: Json, repository: str, api: str) -> Json:
    output = {"title": None, "summary": None, "text": None, "annotations_count": 0, **(run.get("output") or {})}
    return {
        "url": f"{api}/repos/{repository}/check-runs/{run['id']}",
        "html_url": f"https://github.com/{repository}/runs/{run['id']}",
        "id": run["id"],
        "node_id": f"CR_{run['id']}",
        "head_sha": run["head_sha"],
        "external_id": run.get("external_id") or "",
        "details_url": run.get("details_url"),
        "status": run.get("status") or "queued",
        "conclusion": run.get("conclusion"),
        "started_at": run.get("started_at"),
        "completed_at": run.get("completed_at"),
        "name": run["name"],
        "output": output,
        "app": {"id": 1, "slug": "kelos", "name": "Kelos"},
        "pull_requests": [],
    }


def status(said: Json, api: str, repository: str) -> Json:
    return {
        "url": f"{api}/repos/{repository}/statuses/{said['sha']}",
        "id": said["id"],
        "node_id": f"SC_{said['id']}",
        "state": said["state"],
        "description": said.get("description"),
        "target_url": said.get("target_url"),
        "context": said.get("context") or "default",
        "created_at": said["created_at"],
        "updated_at": said["created_at"],
        "creator": user(said["author"]),
    }
