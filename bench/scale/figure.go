package main

// figure.go is what a measurement ends as: lines of points, from which the plot is drawn
// and the table is written.

import (
	"cmp"
	"slices"
)

// A Figure is one plot and one table.
type Figure struct {
	Name, Title string
	X, Y        string // what the axes show, with the unit
	LinearX     bool   // else each decade is as wide as the next
	LinearY     bool   // the same, and from 0
	Lines       []Line
	Limit       *Limit `json:",omitempty"`
}

// A Line is one kind of work.
type Line struct {
	Name   string
	Base   bool // it is not ours, but what ours is to be compared with
	Points []Point
}

// A Point is what one size came to, over all rounds.
type Point struct{ X, Median, Least, Most float64 }

// A Limit is an X at which something ends.
type Limit struct {
	At   float64
	Name string
}

// add puts values, measured at x, into the line called name.
func (f *Figure) add(name string, base bool, x float64, values ...float64) {
	i := slices.IndexFunc(f.Lines, func(l Line) bool { return l.Name == name })
	if i < 0 {
		f.Lines = append(f.Lines, Line{Name: name, Base: base})
		i = len(f.Lines) - 1
	}
	values = slices.Sorted(slices.Values(values))
	f.Lines[i].Points = append(f.Lines[i].Points, Point{x, values[len(values)/2], values[0], values[len(values)-1]})
	slices.SortStableFunc(f.Lines[i].Points, func(a, b Point) int { return cmp.Compare(a.X, b.X) })
}

// sizes are the X of all lines, rising.
func (f *Figure) sizes() (all []float64) {
	for _, l := range f.Lines {
		for _, p := range l.Points {
			all = append(all, p.X)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// at returns the point of l at x.
func (l *Line) at(x float64) (Point, bool) {
	i := slices.IndexFunc(l.Points, func(p Point) bool { return p.X == x })
	if i < 0 {
		return Point{}, false
	}
	return l.Points[i], true
}
