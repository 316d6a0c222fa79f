// Asks Go's text/template for its answers: reads templates and data as JSON, writes them back with outputs and errors.
//
//	go run tests/data/gotemplates/main.go < tests/data/go-templates-more.json > answers.json
//
// A map {"$strings": {...}} in the data is a map[string]string. Answers that are already there are replaced.
package main

import (
	"encoding/json"
	"log"
	"os"
	"runtime"
	"strings"
	"text/template"
)

type oneCase struct {
	Name     string  `json:"name"`
	Template string  `json:"template"`
	Strict   bool    `json:"strict"`
	Output   *string `json:"output,omitempty"`
	Error    string  `json:"error,omitempty"`
	Message  string  `json:"message,omitempty"`
}

type document struct {
	Source string          `json:"source"`
	Data   json.RawMessage `json:"data"`
	Cases  []oneCase       `json:"cases"`
}

func main() {
	var all document
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil {
		log.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(all.Data)))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		log.Fatal(err)
	}
	data := typed(decoded)
	for i := range all.Cases {
		answer(&all.Cases[i], data)
	}
	all.Source = runtime.Version() + " text/template; {\"$strings\": {...}} in the data is a map[string]string, " +
		"other integers are int, other numbers float64; strict means Option(\"missingkey=error\"); error is parse or execute"
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(all); err != nil {
		log.Fatal(err)
	}
}

func answer(c *oneCase, data any) {
	c.Output, c.Error, c.Message = nil, "", ""
	parsed := template.New("prompt")
	if c.Strict {
		parsed.Option("missingkey=error")
	}
	if _, err := parsed.Parse(c.Template); err != nil {
		c.Error, c.Message = "parse", err.Error()
		return
	}
	var out strings.Builder
	if err := parsed.Execute(&out, data); err != nil {
		c.Error, c.Message = "execute", err.Error()
		return
	}
	text := out.String()
	c.Output = &text
}

// typed gives numbers and maps the types they have in a Go program. Slices get no room to grow.
func typed(value any) any {
	switch value := value.(type) {
	case json.Number:
		if number, err := value.Int64(); err == nil {
			return int(number)
		}
		number, err := value.Float64()
		if err != nil {
			log.Fatal(err)
		}
		return number
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = typed(value[i])
		}
		return list
	case map[string]any:
		if inner, ok := value["$strings"].(map[string]any); ok {
			texts := make(map[string]string, len(inner))
			for key := range inner {
				texts[key] = inner[key].(string)
			}
			return texts
		}
		for key := range value {
			value[key] = typed(value[key])
		}
	}
	return value
}
