// Renders the templates of a chart as Helm does: Go's templates with the functions of Sprig, and `include`, `required`, `toYaml`.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run render.go CHART VALUES.yaml < /dev/null
//
// VALUES.yaml is merged over the chart's values. Sprig and yaml.v3 are packages of Debian.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(file string) map[string]interface{} {
	text, err := os.ReadFile(file)
	must(err)
	value := map[string]interface{}{}
	must(yaml.Unmarshal(text, &value))
	return value
}

func merge(into, from map[string]interface{}) map[string]interface{} {
	for key, value := range from {
		inner, isMap := value.(map[string]interface{})
		outer, hasMap := into[key].(map[string]interface{})
		if isMap && hasMap {
			into[key] = merge(outer, inner)
		} else {
			into[key] = value
		}
	}
	return into
}

func main() {
	chart := os.Args[1]
	about := read(filepath.Join(chart, "Chart.yaml"))
	data := map[string]interface{}{
		"Values":  merge(read(filepath.Join(chart, "values.yaml")), read(os.Args[2])),
		"Chart":   map[string]interface{}{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": map[string]interface{}{"Name": "release", "Namespace": "runlease", "Service": "Helm"},
	}
	all := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	functions["include"] = func(name string, value interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, value)
		return out.String(), err
	}
	functions["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	all.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	must(err)
	sort.Strings(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		_, err = all.New(filepath.Base(file)).Parse(string(text))
		must(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var out bytes.Buffer
		must(all.ExecuteTemplate(&out, name, data))
		if strings.HasSuffix(name, ".txt") {
			for _, line := range strings.Split(out.String(), "\n") {
				fmt.Println("# " + line)
			}
		} else {
			fmt.Printf("---\n%s\n", out.String())
		}
	}
}
