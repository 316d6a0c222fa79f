// Fills in what Go's libraries say to the cases of a file: cron schedules, globs or JSONPaths. Reads it, prints it.
package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/PaesslerAG/jsonpath"
	"github.com/bmatcuk/doublestar/v4"
	"github.com/robfig/cron/v3"
)

type file struct {
	Source    string           `json:"source"`
	Kind      string           `json:"kind"`
	Documents map[string]any   `json:"documents,omitempty"`
	Cases     []map[string]any `json:"cases"`
}

func main() {
	var f file
	check(json.NewDecoder(os.Stdin).Decode(&f))
	for _, c := range f.Cases {
		for _, key := range []string{"next", "matches", "value", "error"} {
			delete(c, key)
		}
		switch f.Kind {
		case "cron":
			answerCron(c)
		case "globs":
			answerGlob(c)
		case "jsonpath":
			answerJSONPath(c, f.Documents[c["document"].(string)])
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	out.SetEscapeHTML(false)
	check(out.Encode(f))
}

func answerCron(c map[string]any) {
	schedule, err := cron.ParseStandard(c["schedule"].(string))
	if err != nil {
		c["error"] = err.Error()
		return
	}
	at, err := time.Parse(time.RFC3339, c["from"].(string))
	check(err)
	next := []string{}
	for range 4 {
		if at = schedule.Next(at); at.IsZero() {
			break
		}
		next = append(next, at.UTC().Format(time.RFC3339))
	}
	c["next"] = next
}

func answerGlob(c map[string]any) {
	if !doublestar.ValidatePattern(c["pattern"].(string)) {
		c["error"] = "invalid"
		return
	}
	matches, err := doublestar.Match(c["pattern"].(string), c["path"].(string))
	if err != nil {
		c["error"] = err.Error()
		return
	}
	c["matches"] = matches
}

func answerJSONPath(c map[string]any, document any) {
	path, err := jsonpath.New(c["path"].(string))
	if err != nil {
		c["error"] = "syntax"
		return
	}
	value, err := path(context.Background(), document)
	if err != nil {
		c["error"] = "missing"
		return
	}
	c["value"] = value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
