package adaptertest

// upload.go is about what the server cleans up behind a handler, and can only if
// it is told of it.

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/http"
	"os"
	"testing"
)

// Upload is the test that nothing is left of the files of an upload.
func Upload(t *testing.T, f Framework) {
	t.Helper()
	for _, path := range UploadsLeft(t, f) {
		t.Errorf("the request has ended, and its file %s is still there", path)
	}
}

// UploadsLeft sends a file to a request and one to a skipped request, and returns
// the paths of those that are there when both have ended. The server removes
// what it finds in its own request, and the handler parses the form of a copy.
func UploadsLeft(t *testing.T, f Framework) (left []string) {
	t.Helper()
	var paths []string
	s := serve(t, f(newCache(t), func(r *http.Request) bool { return r.URL.Path == "/skipped" }, func(_ http.ResponseWriter, r *http.Request) error {
		path, err := parse(r)
		paths = append(paths, path)
		return err
	}))
	for _, path := range []string{"/page", "/skipped"} {
		if err := post(s.Client(), s.URL+path); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	for _, path := range paths {
		if path == "" {
			t.Error("a file did not come in")
		} else if err := os.Remove(path); err == nil {
			left = append(left, path)
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	if len(paths) != 2 {
		t.Errorf("%d requests were served, want 2", len(paths))
	}
	return left
}

// parse returns the path of the file that r brings: one byte of memory is too
// little for it.
func parse(r *http.Request) (path string, err error) {
	if err := r.ParseMultipartForm(1); err != nil {
		return "", err
	}
	file, err := r.MultipartForm.File["file"][0].Open()
	if err != nil {
		return "", err
	}
	defer file.Close()
	return file.(*os.File).Name(), nil
}

func post(client *http.Client, url string) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "name")
	if err != nil {
		return err
	}
	_, err = part.Write(make([]byte, 100))
	if err := errors.Join(err, form.Close()); err != nil {
		return err
	}
	r, err := client.Post(url, form.FormDataContentType(), &body)
	if err != nil {
		return err
	}
	return r.Body.Close()
}
