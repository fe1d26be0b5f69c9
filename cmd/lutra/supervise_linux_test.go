//go:build amd64 || arm64

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A supervised command is the product as it is: the kernel stops it at every
// system call on files (seccomp's user notification) until the test has said
// whether the call is made, fails, or is the last thing the process ever wanted.
//
// TestMain starts superviseSelf where this variable says so: it puts itself under
// a filter, hands the filter's descriptor to the test, and becomes the command.
const superviseVariable = "LUTRA_TEST_SUPERVISED"

// operation is a system call on a file below the folder that is watched.
type operation struct {
	call string
	path string // relative to the folder
}

// changes says whether the operation is one of those that write.
func (o operation) changes() bool {
	return !slices.Contains([]string{"read", "pread", "stat", "fstat", "list", "open", "close"}, o.call)
}

// verdict is what becomes of an operation: 0 lets it happen, another number is
// the error that it fails with.
type verdict syscall.Errno

const (
	goOn verdict = 0
	kill verdict = 1 << 16 // of the process, before the call is made
)

// watched are the system calls, with the argument that holds a descriptor or a path.
var watched = map[int32]struct {
	name string
	path bool
	arg  int
}{
	unix.SYS_OPENAT: {"open", true, 1}, unix.SYS_MKDIRAT: {"mkdir", true, 1}, unix.SYS_UNLINKAT: {"remove", true, 1},
	unix.SYS_RENAMEAT: {"rename", true, 1}, sysNewfstatat: {"stat", true, 1},
	unix.SYS_WRITE: {"write", false, 0}, unix.SYS_PWRITE64: {"write", false, 0}, unix.SYS_FSYNC: {"sync", false, 0},
	unix.SYS_FCHMOD: {"chmod", false, 0}, unix.SYS_FLOCK: {"lock", false, 0}, unix.SYS_CLOSE: {"close", false, 0},
	unix.SYS_READ: {"read", false, 0}, unix.SYS_PREAD64: {"pread", false, 0}, unix.SYS_FSTAT: {"fstat", false, 0},
	unix.SYS_GETDENTS64: {"list", false, 0},
}

// superviseSelf does not return.
func superviseSelf() {
	runtime.LockOSThread()
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // the call's number
	for nr := range watched {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	os.Unsetenv(superviseVariable)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		panic(errno)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		panic(err)
	}
	panic(syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// supervised runs a command and asks decide about every operation on a file below
// dir, counted from 1. It returns the exit code, -1 for a killed process, and what
// was printed on stderr.
func supervised(t *testing.T, dir string, command []string, decide func(n int, op operation) verdict) (int, string) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "socket")
	cmd := exec.Command(self, command...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), superviseVariable+"=1")
	cmd.ExtraFiles = []*os.File{theirs}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	listener, err := receive(pair[0])
	if err != nil {
		cmd.Wait()
		if os.Getenv("LUTRA_REQUIRE_TOOLS") != "" {
			t.Fatalf("no supervision: %v: %s", err, &stderr)
		}
		t.Skipf("the kernel, or a container, allows no supervision: %v: %.200s", err, &stderr)
	}
	watch(t, listener, dir, cmd.Process, decide)
	unix.Close(listener)
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// receive takes the descriptor of the filter.
func receive(socket int) (int, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), control, 0)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return 0, errors.Join(errors.New("the filter could not be set"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// notification and response are the kernel's struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// watch answers until the process has ended.
func watch(t *testing.T, listener int, dir string, process *os.Process, decide func(int, operation) verdict) {
	const notifySend = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	count := 0
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if ready[0].Revents&unix.POLLHUP != 0 {
			return
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			continue
		}
		var n notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // the process has died meanwhile
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if op, ours := n.operation(dir); ours {
			count++
			switch v := decide(count, op); v {
			case goOn:
			case kill:
				process.Kill()
			default:
				r.flags, r.error = 0, -int32(v)
			}
		}
		unix.Syscall(unix.SYS_IOCTL, uintptr(listener), notifySend, uintptr(unsafe.Pointer(&r)))
	}
}

// operation says what the call does, and whether it concerns a file below dir.
func (n *notification) operation(dir string) (operation, bool) {
	w := watched[n.nr]
	var path string
	if w.path {
		path = text(n.pid, n.args[w.arg])
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	} else {
		path, _ = os.Readlink("/proc/" + strconv.Itoa(int(n.pid)) + "/fd/" + strconv.Itoa(int(n.args[w.arg])))
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return operation{}, false
	}
	op := operation{w.name, rel}
	if n.nr == unix.SYS_OPENAT && n.args[2]&unix.O_CREAT != 0 {
		op.call = "create"
	}
	return op, true
}

// text reads a string from another process's memory.
func text(pid uint32, at uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, unix.PathMax)
	n, _ := f.ReadAt(b, int64(at))
	s, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(s)
}
