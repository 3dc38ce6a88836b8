package render

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// places tells which template Helm executes.
//
// The host must say where a template loops or fills the memory, and it ends the guest without a word.
// Helm's engine has no hook before a template, so that mark puts a call in front of the text of each. It
// prints nothing and changes columns in the first line only.
type places struct {
	// The templates in the order in which Helm executes them.
	names []string
	// The bytes in front of the text of a template.
	shift map[string]int
}

// markName is the name of the function that the marks call.
const markName = "_"

// mark marks the templates of the chart and its subcharts, and takes the notes out. Call it after the
// dependencies are processed, because that gives subcharts their names.
func mark(chrt *chart.Chart) *places {
	charts := withSubcharts(chrt)
	var names []string
	for _, chrt := range charts {
		// Charts under several aliases share their files, so that new files replace them.
		chrt.Templates = withoutNotes(chrt.Templates)
		for _, file := range chrt.Templates {
			if name := fullName(chrt, file); !isPartial(name) {
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if deeper := strings.Count(b, "/") - strings.Count(a, "/"); deeper != 0 {
			return deeper
		}
		return strings.Compare(b, a)
	})
	names = slices.Compact(names)
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	marked := &places{names: names, shift: make(map[string]int, len(names))}
	for _, chrt := range charts {
		for _, file := range chrt.Templates {
			name := fullName(chrt, file)
			if isPartial(name) {
				continue
			}
			mark := fmt.Sprintf("{{%s %d}}", markName, index[name])
			file.Data = slices.Concat([]byte(mark), file.Data)
			marked.shift[name] = len(mark)
		}
	}
	return marked
}

// function returns the function that the marks call. Helm executes the templates in their order. A mark
// out of this order belongs to a template that another one includes.
func (p *places) function(at func(string)) func(int) string {
	next := 0
	return func(index int) string {
		if index == next {
			next++
			at(p.names[index])
		}
		return ""
	}
}

// A template and a column in its first line, as errors name them.
var firstLine = regexp.MustCompile(`([^\s:("]+):1:(\d+)`)

// restore returns the message with the columns that the chart's own texts have.
func (p *places) restore(err error) string {
	return firstLine.ReplaceAllStringFunc(err.Error(), func(place string) string {
		parts := firstLine.FindStringSubmatch(place)
		column, err := strconv.Atoi(parts[2])
		shift := p.shift[parts[1]]
		if err != nil || column < shift {
			return place
		}
		return fmt.Sprintf("%s:1:%d", parts[1], column-shift)
	})
}

// withSubcharts returns a chart and all charts in it, each once.
func withSubcharts(root *chart.Chart) []*chart.Chart {
	seen := make(map[*chart.Chart]bool)
	var add func(chrt *chart.Chart)
	add = func(chrt *chart.Chart) {
		if seen[chrt] {
			return
		}
		seen[chrt] = true
		for _, dependency := range chrt.Dependencies() {
			add(dependency)
		}
	}
	add(root)
	return slices.Collect(maps.Keys(seen))
}

// withoutNotes copies files without the notes for users. They are not shown, and in real charts they fail.
// Notes that define templates for others are kept as a partial, which Helm parses and does not execute.
func withoutNotes(files []*common.File) []*common.File {
	var kept []*common.File
	for _, file := range files {
		copied := *file
		if strings.HasSuffix(file.Name, "NOTES.txt") {
			if !strings.Contains(string(file.Data), "define") {
				continue
			}
			copied.Name = path.Join(path.Dir(file.Name), "_"+path.Base(file.Name))
		}
		kept = append(kept, &copied)
	}
	return kept
}

func fullName(chrt *chart.Chart, file *common.File) string {
	return path.Join(chrt.ChartFullPath(), file.Name)
}

// isPartial returns whether Helm only parses the template.
func isPartial(name string) bool {
	return strings.HasPrefix(path.Base(name), "_")
}
