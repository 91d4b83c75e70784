// Package codec turns values into bytes and back for the shared tier.
//
// A codec must not lose anything in silence: what a reader gets from the shared
// tier has to be what the loader returned. Three questions guard that, each
// asked at another time. Check asks a type, at its first use, whether it
// survives at all. Append asks the value, each time one is written. Fingerprint
// asks whether the release that wrote an entry meant the same type as the one
// that reads it.
package codec

// A Codec encodes values. It is safe for concurrent use. Unmarshal must not
// panic on any input.
type Codec interface {
	// Name identifies the format in stored entries: an entry of another name is a miss. At most 16 bytes, for example "json".
	Name() string
	// Append appends the encoding of v to dst. After an error it returns dst as it was.
	Append(dst []byte, v any) ([]byte, error)
	// Unmarshal decodes data into the non-nil pointer v and keeps no reference to data. After an error what v points to is undefined.
	Unmarshal(data []byte, v any) error
}
