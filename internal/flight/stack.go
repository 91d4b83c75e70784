package flight

// room has the stack of a load's goroutine grow once, while there is nothing on it that
// would have to be moved. A goroutine begins with 2 KB, and the way from here to a loader
// and back takes more than 4: it grew twice, with a dozen frames to be moved each time.
//
// The runtime looks whether a frame fits before the function begins, so that nothing has
// to be written to it.
//
//go:noinline
func room(use bool) byte {
	if !use {
		return 0
	}
	var frame [roomSize]byte
	return fill(&frame)
}

const roomSize = 5 << 10

//go:noinline
func fill(frame *[roomSize]byte) byte {
	for i := range frame {
		frame[i] = byte(i)
	}
	return frame[roomSize/2]
}
