package pgserver

// server.go is the life of one PostgreSQL: its files, its process, its end.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// ErrNotInstalled says that there is no PostgreSQL, and what to do.
var ErrNotInstalled = errors.New("pgserver: PostgreSQL is not installed: run `apt-get install postgresql`, or `make test`, which installs it")

const startTimeout = time.Minute // for a new server to answer, on a loaded machine

// Server is a PostgreSQL process.
type Server struct {
	bin, folder string
	owner       *syscall.Credential // nil: whoever runs this
	cmd         *exec.Cmd
	output      bytes.Buffer  // what it wrote to stderr; read only after exited
	exited      chan struct{} // closed when the process was waited for
}

// Start makes a database in a folder of its own, and returns once its server answers. The
// server forgets nothing that is committed while the machine runs, and has little patience
// with the disk. Without a PostgreSQL on PATH, or where Debian puts it, the error is
// ErrNotInstalled.
func Start() (*Server, error) {
	bin, err := installed()
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pg") // short: the path of a socket has 107 bytes at most
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	s := &Server{bin: bin, folder: folder, owner: owner, exited: make(chan struct{})}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

// DSN is how a client finds the server: key=value, as libpq has it.
func (s *Server) DSN() string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres sslmode=disable", s.folder)
}

// Close ends the server and its files, and waits until it is gone. The second call does
// nothing.
func (s *Server) Close() error {
	select {
	case <-s.exited:
	default:
		if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil && !errors.Is(err, os.ErrProcessDone) { // at once; nobody needs the data
			return fmt.Errorf("pgserver: %w", err)
		}
		<-s.exited
	}
	return os.RemoveAll(s.folder)
}

func (s *Server) begin() error {
	if s.owner != nil {
		if err := os.Chown(s.folder, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return fmt.Errorf("pgserver: %w", err)
		}
	}
	data := filepath.Join(s.folder, "data")
	if said, err := s.command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions").CombinedOutput(); err != nil {
		return fmt.Errorf("pgserver: initdb: %w: %s", err, bytes.TrimSpace(said))
	}
	s.cmd = s.command("postgres", "-D", data, "-k", s.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off")
	s.cmd.Stderr = &s.output
	if err := s.start(); err != nil {
		return fmt.Errorf("pgserver: start postgres: %w", err)
	}
	if err := s.waitReady(); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder // which its user may enter
	cmd.SysProcAttr = dieWithParent()
	cmd.SysProcAttr.Credential = s.owner
	return cmd
}

// start runs the server on a thread that lives as long as it does: see internal/mcserver,
// which says why.
func (s *Server) start() error {
	started := make(chan error, 1)
	go func() {
		defer close(s.exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // its status says only that it was told to end
		}
	}()
	return <-started
}

func (s *Server) waitReady() error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.command("pg_isready", "-q", "-h", s.folder).Run() == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("pgserver: postgres ended at once (%v): %s", s.cmd.ProcessState, bytes.TrimSpace(s.output.Bytes()))
		case <-deadline:
			return fmt.Errorf("pgserver: postgres does not answer after %v", startTimeout)
		case <-tick.C:
		}
	}
}

// debian is where Debian puts the programs of each version: not on PATH.
var debian = "/usr/lib/postgresql/*/bin"

// installed is the folder of the server's programs: of Debian's the newest, else one of PATH.
func installed() (string, error) {
	folders := filepath.SplitList(os.Getenv("PATH"))
	beside, err := filepath.Glob(debian)
	if err != nil {
		return "", fmt.Errorf("pgserver: %w", err)
	}
	slices.SortFunc(beside, func(a, b string) int { return version(b) - version(a) })
	for _, folder := range append(beside, folders...) {
		whole := true
		for _, name := range []string{"initdb", "postgres", "pg_isready"} {
			_, err := exec.LookPath(filepath.Join(folder, name))
			whole = whole && err == nil
		}
		if whole && filepath.IsAbs(folder) {
			return folder, nil
		}
	}
	return "", ErrNotInstalled
}

// version is that of a folder of Debian's.
func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// unprivileged is whom to run the server as: it refuses to be root. nil: who runs this is
// not.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		gid, failed := strconv.ParseUint(u.Gid, 10, 32)
		if err == nil && failed == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("pgserver: PostgreSQL refuses to be root, and there is neither a user postgres nor a nobody")
}
