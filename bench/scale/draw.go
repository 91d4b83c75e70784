package main

// draw.go makes an SVG of a figure: few points, colours that most people with a colour
// weakness can tell apart, and a mark and a dash of its own for each line, for the others
// and for paper.

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width, height = 620, 330 // without title and legend
	titled        = 30
	lineOfLegend  = 14
)

// Okabe and Ito's palette, without its yellow, which is too light on white.
func palette() []color.RGBA {
	return []color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255},
	}
}

func marks() []draw.GlyphDrawer {
	return []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.BoxGlyph{}}
}

// Draw returns f as an SVG.
func Draw(f Figure) ([]byte, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = f.X, f.Y
	sans := func(size float64) font.Font {
		return font.Font{Typeface: "Liberation", Variant: "Sans", Size: font.Points(size)}
	}
	p.X.Label.TextStyle.Font, p.Y.Label.TextStyle.Font = sans(11), sans(11)
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font = sans(10), sans(10)
	p.X.Label.Padding, p.Y.Label.Padding = 4, 4
	legend := plot.NewLegend()
	legend.TextStyle.Font, legend.Top, legend.Left, legend.ThumbnailWidth, legend.Padding = sans(11), true, true, 30, 3

	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid)
	lines := 0
	for _, l := range f.Lines {
		line, points, err := plotter.NewLinePoints(xys(l))
		if err != nil {
			return nil, err
		}
		style(l, lines, line, points)
		if !l.Base {
			lines++
		}
		p.Add(line, points)
		legend.Add(l.Name, line, points)
	}
	f.axes(p)
	if err := f.limit(p, &legend); err != nil {
		return nil, err
	}

	names := len(f.Lines)
	if f.Limit != nil {
		names++
	}
	top := vg.Length(titled + lineOfLegend*names)
	c := vgsvg.NewWith(vgsvg.UseWH(width, height+top))
	all := draw.New(c)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	title := p.Title.TextStyle
	title.Font, title.XAlign, title.YAlign = sans(13), draw.XLeft, draw.YTop
	all.FillText(title, vg.Point{X: 48, Y: all.Max.Y - 6}, f.Title)
	legend.Draw(draw.Crop(all, 48, 0, 0, -titled))
	p.Draw(draw.Crop(all, 6, -14, 6, -top-8))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	return lighter(b.Bytes()), nil
}

func xys(l Line) plotter.XYs {
	all := make(plotter.XYs, len(l.Points))
	for i, p := range l.Points {
		all[i] = plotter.XY{X: p.X, Y: p.Median}
	}
	return all
}

// style gives the n-th line its colour, dash and mark. What ours is compared with is grey.
func style(l Line, n int, line *plotter.Line, points *plotter.Scatter) {
	line.Width = 1.8
	if l.Base {
		line.Color, line.Dashes = color.Gray{90}, []vg.Length{2, 3}
		points.Color, points.Shape, points.Radius = color.Gray{90}, draw.CrossGlyph{}, 3
		return
	}
	c := palette()[n%len(palette())]
	line.Color, points.Color = c, c
	line.Dashes = [][]vg.Length{nil, {7, 3}, {7, 3, 2, 3}, {3, 2}, {10, 4}, {1, 2}}[n%6]
	points.Shape, points.Radius = marks()[n%len(marks())], 3
}

// axes gives both axes their scale, their range and their numbers.
func (f Figure) axes(p *plot.Plot) {
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks(f.LinearX), ticks(f.LinearY)
	if !f.LinearX {
		p.X.Scale = plot.LogScale{}
	}
	if f.LinearY {
		p.Y.Min, p.Y.Max = 0, 1.1*math.Max(p.Y.Max, 1e-9)
		return
	}
	p.Y.Scale = plot.LogScale{}
	least, most := p.Y.Min, p.Y.Max
	if least <= 0 {
		least = most / 1000
	}
	p.Y.Min, p.Y.Max = least/1.3, most*1.3
	for p.Y.Max/p.Y.Min < 10 { // what is flat is to look flat
		p.Y.Min, p.Y.Max = p.Y.Min/1.1, p.Y.Max*1.1
	}
}

// limit draws a line upwards at what f says is the end of something.
func (f Figure) limit(p *plot.Plot, legend *plot.Legend) error {
	if f.Limit == nil || f.Limit.At > p.X.Max {
		return nil
	}
	line, err := plotter.NewLine(plotter.XYs{{X: f.Limit.At, Y: p.Y.Min}, {X: f.Limit.At, Y: p.Y.Max}})
	if err != nil {
		return err
	}
	line.Color, line.Dashes, line.Width = color.Black, []vg.Length{1, 3}, 1
	p.Add(line)
	legend.Add(f.Limit.Name, line)
	return nil
}

// ticks are the numbers at an axis.
func ticks(linear bool) plot.Ticker {
	if linear {
		return plot.TickerFunc(func(least, most float64) []plot.Tick {
			all := plot.DefaultTicks{}.Ticks(least, most)
			for i := range all {
				if all[i].Label != "" {
					all[i].Label = short(all[i].Value)
				}
			}
			return all
		})
	}
	return plot.TickerFunc(decades)
}

// decades are the ticks of an axis on which each decade is as wide as the next.
func decades(least, most float64) (all []plot.Tick) {
	wide := math.Log10(most / least)
	for d := math.Floor(math.Log10(least)); d <= math.Ceil(math.Log10(most)); d++ {
		for m := 1; m <= 9; m++ {
			v := float64(m) * math.Pow(10, d)
			if v < least*0.999 || v > most*1.001 {
				continue
			}
			label := ""
			if m == 1 || wide < 2.2 && (m == 2 || m == 5) {
				label = short(v)
			}
			all = append(all, plot.Tick{Value: v, Label: label})
		}
	}
	return all
}

// short is v as it is written at an axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.3gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}

var (
	family = regexp.MustCompile(`font-family:Liberation Sans[^;"]*`)
	digits = regexp.MustCompile(`(\d+\.\d)\d+`)
)

// lighter has the viewer's own sans serif, which all have, and a tenth of a point where
// nobody sees more.
func lighter(svg []byte) []byte {
	return digits.ReplaceAll(family.ReplaceAll(svg, []byte("font-family:Helvetica,Arial,sans-serif")), []byte("$1"))
}
