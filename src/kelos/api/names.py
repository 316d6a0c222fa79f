"""Every label, annotation, environment variable, container, volume and path, with who writes and who reads it."""

from __future__ import annotations

from hashlib import sha256

DOMAIN = "kelos.dev"

# Labels on what we make; selectors use only these.
LABEL_TASK = "kelos.dev/task"  # Job builder → controller, CLI, Action: the Task's name, cut to a label value
LABEL_TASK_UID = "kelos.dev/task-uid"  # Job builder → controller: whose pod this is, exactly
LABEL_BRANCH_LOCK = "kelos.dev/branch-lock"  # Job builder → branch lock: pods that may still write to the branch
LABEL_WORKSPACE_LOCK = "kelos.dev/workspace-lock"  # Job builder → Workspace lock: pods that may use the checkout
LABEL_WORKSPACE = "kelos.dev/workspace"  # claim builder → people: whose checkout a PersistentVolumeClaim keeps
LABEL_NAME = "kelos.dev/name"  # Job builder → people: always "kelos"
LABEL_COMPONENT = "kelos.dev/component"  # Job builder → people: "task"
LABEL_MANAGED_BY = "kelos.dev/managed-by"  # Job builder → people, lock → controller: "kelos-controller"
LABEL_SPAWNER = "kelos.dev/taskspawner"  # spawner → controller: name of the TaskSpawner that made the Task
LABEL_SPAWNER_UID = "kelos.dev/taskspawner-uid"  # spawner → people: whose ledger a ConfigMap belongs to
LABEL_CREDENTIAL = "kelos.dev/spawner-credential"  # spawner → people: the entry of its pool that the Task uses
LABEL_REPOSITORY = "kelos.dev/repository-hash"  # Action → Action: hash of owner/repo, to find a run's earlier Tasks
LABEL_RUN_ID = "kelos.dev/run-id"  # Action → Action, people: the workflow run
LABEL_RUN_ATTEMPT = "kelos.dev/run-attempt"  # Action → Action, people: which attempt of the run
LABEL_LEG = "kelos.dev/leg-hash"  # Action → Action: hash of job, matrix leg and step
LABEL_SUBJECT = "kelos.dev/subject-hash"  # Action → Action: hash of the pull request, issue or branch, to find loops

# Annotations.
ANNOTATION_CANCEL = "kelos.dev/cancel-requested"  # anybody → controller: JSON {"by","at","why"}
ANNOTATION_LEASE = "kelos.dev/client-lease"  # Action → controller: JSON {"holder","count","seconds"}
ANNOTATION_TRIGGERED_BY = "kelos.dev/triggered-by"  # Action, CLI, spawner → people, reporter
ANNOTATION_SPEC_HASH = "kelos.dev/spec-hash"  # Action, CLI → Action: equal hash means the same request
ANNOTATION_BRANCH = "kelos.dev/branch"  # Job builder, branch lock → controller: which branch a pod or Lease is about
ANNOTATION_WORKSPACE = "kelos.dev/workspace"  # Job builder, Workspace lock → controller: which one it is about
ANNOTATION_HOLDER = "kelos.dev/holder-task"  # lock → controller, people: the holder's name beside its uid
ANNOTATION_APP_SECRET = "kelos.dev/github-app-secret"  # on Job and token Secret → controller: where the App's key is
ANNOTATION_TOKEN_FOR = "kelos.dev/token-repository"  # on Job and token Secret → controller: address without user
ANNOTATION_TOKEN_MINTED = "kelos.dev/token-minted-at"  # on the token Secret → controller: by our clock
ANNOTATION_TOKEN_EXPIRES = "kelos.dev/token-expires-at"  # on the token Secret → controller: by GitHub's clock
ANNOTATION_ORIGIN = "kelos.dev/origin"  # Job builder → controller: JSON of what a record says of a Task that is gone
ANNOTATION_PROMPT = "kelos.dev/prompt"  # Job builder → kubelet (downward API file): the prompt, when it is small

# Annotations of spawned Tasks: where they come from, and what the reporter has said there.
ANNOTATION_ADMISSION = "kelos.dev/admission"  # spawner → controller: "required" waits for a place of its TaskSpawner
ANNOTATION_FORM = "kelos.dev/form-hash"  # controller → itself: of what a process of a TaskSpawner was made
ANNOTATION_ITEM = "kelos.dev/item"  # spawner → itself: JSON {"key","trigger"}, what the ledger says of this Task
ANNOTATION_SOURCE_KIND = "kelos.dev/source-kind"  # spawner → reporter: issue or pull-request
ANNOTATION_SOURCE_NUMBER = "kelos.dev/source-number"  # spawner → reporter: decimal number
ANNOTATION_SOURCE_SHA = "kelos.dev/source-sha"  # spawner → reporter: head commit a check belongs to
ANNOTATION_SOURCE_REPOSITORY = "kelos.dev/source-repository"  # spawner → reporter: owner/repo
ANNOTATION_SOURCE_API = "kelos.dev/source-api-url"  # spawner → reporter: root of the GitHub API
ANNOTATION_SOURCE_SECRET = "kelos.dev/source-secret"  # spawner → reporter: Secret with the GitHub credentials
ANNOTATION_REPORTING = "kelos.dev/github-reporting"  # spawner → reporter: "enabled" when comments are on
ANNOTATION_COMMENT_MODE = "kelos.dev/github-comment-mode"  # spawner → reporter: PerTask or Sticky
ANNOTATION_CHECKS = "kelos.dev/github-checks"  # spawner → reporter: "enabled" when checks are on
ANNOTATION_CHECK_NAME = "kelos.dev/github-check-name"  # spawner → reporter: name of the check
ANNOTATION_COMMENT_ID = "kelos.dev/github-comment-id"  # reporter → itself: the comment to edit
ANNOTATION_REPORT_PHASE = "kelos.dev/github-report-phase"  # reporter → itself: accepted, succeeded or failed
ANNOTATION_CHECK_RUN_ID = "kelos.dev/github-check-run-id"  # reporter → itself: the check run to edit
ANNOTATION_CHECK_PHASE = "kelos.dev/github-check-report-phase"  # reporter → itself: in_progress, succeeded or failed
ANNOTATION_COMMENT_INTENT = "kelos.dev/github-comment-intent"  # reporter → itself: since when one may exist unknown
ANNOTATION_CHECK_INTENT = "kelos.dev/github-check-intent"  # reporter → itself: since when one may exist unknown
ANNOTATION_HEAD_CHECK = "kelos.dev/github-head-check"  # reporter → itself: the agent's own commit, or none
ANNOTATION_CHECK_FORM = "kelos.dev/github-check-form"  # reporter → itself: "status" where check runs are not allowed
ANNOTATION_REPORTED_AT = "kelos.dev/reported-at"  # reporter → itself, controller: nothing more is told; expiry counts

FINALIZER_OUTCOME = "kelos.dev/outcome"  # pod template → controller: removed once the outcome is captured
FINALIZER_RECORD = "kelos.dev/record"  # controller → itself: the Task alone knows what lost pods used; until its record
FINALIZER_SPAWNED = "kelos.dev/spawned"  # Task builder → spawner: removed once the ledger says that the Task was made
FINALIZER_SPAWNER = "kelos.dev/taskspawner-finalizer"  # the reference's, on a TaskSpawner; stripped when found
FINALIZER_REPORT = "kelos.dev/report"  # Task builder → reporter: removed once the last report is delivered or given up
FINALIZER_TASK = "kelos.dev/finalizer"  # the reference's; stripped when found

FIELD_MANAGER = "kelos-controller"
MANAGER = "kelos-controller"

# Containers and volumes of the agent pod.
CONTAINER_AGENT = "kelos-agent"
CONTAINER_PREPARE = "git-clone"
VOLUME_WORKSPACE = "workspace"
VOLUME_TOKEN = "kelos-github-token"
VOLUME_PLUGINS = "kelos-plugin"
VOLUME_INPUTS = "kelos-inputs"
VOLUME_PROMPT = "kelos-prompt"
RESERVED_CONTAINERS = (
    "git-clone",
    "remote-setup",
    "branch-setup",
    "workspace-files",
    "plugin-setup",
    "skills-install",
)
RESERVED_PREFIX = "kelos-"

ENTRYPOINT = "/kelos_entrypoint.sh"  # every agent image has it; argument 1 is the prompt
AGENT_UID = 61100

# Paths inside the pod. On the local plane they are rewritten, so the runner takes every path from its environment.
PATH_WORKSPACE = "/workspace"
PATH_REPO = "/workspace/repo"
PATH_GH_CONFIG = "/workspace/.gh-config"
PATH_TOKEN_DIR = "/kelos/github-token"
PATH_TOKEN = "/kelos/github-token/GITHUB_TOKEN"
PATH_PLUGINS = "/kelos/plugin"
PATH_INPUTS = "/kelos/inputs"
PATH_PROMPT_DIR = "/kelos/prompt"
PATH_PROMPT = "/kelos/prompt/prompt"
PATH_TERMINATION_LOG = "/dev/termination-log"

# Environment of the agent container (Job builder → runner, and every foreign image of the reference's contract).
ENV_MODEL = "KELOS_MODEL"
ENV_EFFORT = "KELOS_EFFORT"
ENV_BRANCH = "KELOS_BRANCH"
ENV_AGENT_TYPE = "KELOS_AGENT_TYPE"
ENV_SPAWNER = "KELOS_TASKSPAWNER"
ENV_BASE_BRANCH = "KELOS_BASE_BRANCH"
ENV_UPSTREAM_REPO = "KELOS_UPSTREAM_REPO"
ENV_TOKEN_FILE = "KELOS_GITHUB_TOKEN_FILE"
ENV_SETUP_COMMAND = "KELOS_SETUP_COMMAND"  # JSON list of strings
ENV_AGENTS_MD = "KELOS_AGENTS_MD"  # instructions, by secretKeyRef; never a literal in the pod
ENV_PLUGIN_DIR = "KELOS_PLUGIN_DIR"
ENV_MCP_SERVERS = "KELOS_MCP_SERVERS"  # JSON, by secretKeyRef; never a literal in the pod
ENV_TASK_NAME = "KELOS_TASK_NAME"
# Ours: what the runner needs beyond the reference's contract.
ENV_PROMPT_FILE = "KELOS_PROMPT_FILE"  # the prompt byte for byte; wins over argument 1
ENV_TIMEOUT_SECONDS = "KELOS_TIMEOUT_SECONDS"  # limit of the agent's run, enforced by the runner
ENV_GRACE_SECONDS = "KELOS_GRACE_SECONDS"  # from SIGTERM to SIGKILL for the agent; less than the pod's own grace
ENV_WORKSPACE_DIR = "KELOS_WORKSPACE_DIR"  # the checkout; unset without a Workspace
ENV_INPUTS_DIR = "KELOS_INPUTS_DIR"  # files of the owned Secret: agents.md, mcp.json, files/, plugins/
ENV_TERMINATION_LOG = "KELOS_TERMINATION_LOG"  # where the outcome document goes
ENV_TERMINATION_LIMIT = "KELOS_TERMINATION_LIMIT"  # its bytes, where the pod's many containers leave less than 4096
# Environment of git-clone (Job builder → runner's `prepare`).
ENV_REPO = "KELOS_REPO"
ENV_WORKSPACE_NAME = "KELOS_WORKSPACE"  # for messages
ENV_GIT_LOGIN_FROM = "KELOS_GIT_LOGIN_FROM"  # name of the Workspace's Secret, for messages; "SECRET" would be masked
ENV_REF = "KELOS_REF"
ENV_REF_FROM = "KELOS_REF_FROM"  # "Task" when its baseRef is the ref and not the Workspace's, for messages
ENV_REMOTES = "KELOS_REMOTES"  # JSON list of {"name","url"}
ENV_GIT_USER_NAME = "KELOS_GIT_USER_NAME"
ENV_GIT_USER_EMAIL = "KELOS_GIT_USER_EMAIL"
ENV_SUBMODULES = "KELOS_SUBMODULES"  # "1" or unset
ENV_LFS = "KELOS_LFS"  # "1" or unset
ENV_TIDY_DIR = "KELOS_TIDY_DIR"  # the volume of a persistent Workspace: all but the checkout is removed
ENV_SKILLS = "KELOS_SKILLS"  # JSON list of {"source","skill","ref","tokenFile"}

ENV_GITHUB_TOKEN = "GITHUB_TOKEN"
ENV_GH_TOKEN = "GH_TOKEN"
ENV_GH_ENTERPRISE_TOKEN = "GH_ENTERPRISE_TOKEN"
ENV_GH_HOST = "GH_HOST"
ENV_GH_CONFIG_DIR = "GH_CONFIG_DIR"
ENV_HOME = "HOME"

# Files below ENV_INPUTS_DIR.
INPUT_AGENTS_MD = "agents.md"
INPUT_MCP = "mcp.json"  # servers with references to mounted secrets; the form is in kelos.runner.execution.mcp
INPUT_FILES = "files"  # files/<relative path in the checkout>
INPUT_PLUGINS = "plugins"  # plugins/<plugin>/skills/<skill>/SKILL.md, plugins/<plugin>/agents/<agent>.md

# The marker block in the agent's log (runner and foreign images → controller).
MARKER_START = "---KELOS_OUTPUTS_START---"
MARKER_END = "---KELOS_OUTPUTS_END---"
MARKER_SETUP_START = "---KELOS_SETUP_COMMAND_START---"
MARKER_SETUP_DONE = "---KELOS_SETUP_COMMAND_DONE---"
MARKER_SETUP_FAILED = "---KELOS_SETUP_COMMAND_FAILED---"

# Keys of a Workspace or agent Secret.
KEY_GITHUB_TOKEN = "GITHUB_TOKEN"
APP_SECRET_KEYS = ("appID", "installationID", "privateKey")

TERMINATION_LIMIT_BYTES = 4096  # what the kubelet keeps of one container's message, and of all together three times it
PROMPT_LIMIT_BYTES = 512 * 1024  # before and after rendering
PROMPT_ARGUMENT_LIMIT_BYTES = 96 * 1024  # a longer prompt travels by file only


def shorten(text: str, limit: int = 63) -> str:
    """`text` when it fits, else its beginning and a hash of all of it: stable, and different for different texts."""
    if len(text) <= limit:
        return text
    digest = sha256(text.encode()).hexdigest()[:10]
    return f"{text[: limit - 11].rstrip('-._')}-{digest}"
