package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"
)

// Calls that really block, as workloads/src/blocking_calls.rs: they are made through package syscall, since os.Pipe and time.Sleep wait in the runtime (netpoll,
// timers) and block no thread.
const (
	callSleep     = time.Millisecond
	answerAfter   = 200 * time.Microsecond
	callFileBytes = 4096
	callSteps     = 100_000
	requestBytes  = 24
)

type callKind int

const (
	callKindSleep callKind = iota
	callKindPipe
	callKindFile
	callKindCalculate
)

// call is one call of one goroutine; number is which one of the item it is.
type call struct {
	kind   callKind
	number uint64
}

// calls own what they need: a pipe of requests, a pipe of replies and a file for each task. Who answers is outside of the scheduler: a process of its own, since
// each thread of this one needs a P to run Go. Its CPU time is not in this process's figure.
type calls struct {
	requests int
	replies  []int
	files    []int
}

// answersArgument makes this program the process that answers.
const answersArgument = "answers"

func openCalls(tasks int) *calls {
	c := &calls{replies: make([]int, tasks), files: make([]int, tasks)}
	inbox, requests := pipe()
	c.requests = requests
	inherited := []*os.File{os.NewFile(uintptr(inbox), "requests")}
	for task := range tasks {
		reply, outbox := pipe()
		c.replies[task] = reply
		inherited = append(inherited, os.NewFile(uintptr(outbox), "replies"))
		c.files[task] = namelessFile()
	}
	// It ends when nobody can ask any more.
	answers := exec.Command("/proc/self/exe", answersArgument)
	answers.ExtraFiles = inherited
	answers.Stderr = os.Stderr
	orPanic(answers.Start())
	for _, file := range inherited {
		orPanic(file.Close())
	}
	return c
}

func pipe() (read, write int) {
	var ends [2]int
	orPanic(syscall.Pipe2(ends[:], syscall.O_CLOEXEC))
	return ends[0], ends[1]
}

// namelessFile is an empty file that no longer has a name: whatever ends the process, it goes too.
func namelessFile() int {
	file, err := os.CreateTemp("", "schedbench-go-")
	orPanic(err)
	orPanic(os.Remove(file.Name()))
	descriptor, err := syscall.Dup(int(file.Fd()))
	orPanic(err)
	syscall.CloseOnExec(descriptor)
	orPanic(file.Close())
	return descriptor
}

func orPanic(err error) {
	if err != nil {
		panic(err)
	}
}

// value is what make must give.
func (c call) value() uint64 {
	switch c.kind {
	case callKindSleep:
		return 1
	case callKindPipe:
		return scramble(c.number)
	case callKindFile:
		return sumOf(callPage(c.number))
	default:
		return leap(c.number, callSteps)
	}
}

// make makes the call on the calling thread, and blocks it.
func (c *calls) make(task int, call call) uint64 {
	switch call.kind {
	case callKindSleep:
		begin := now()
		nanosleep(callSleep)
		if now().since(begin) < callSleep {
			return 0
		}
		return 1
	case callKindPipe:
		return c.ask(task, call.number)
	case callKindFile:
		return c.writeSyncRead(task, call.number)
	default:
		return walk(call.number, callSteps)
	}
}

func (c *calls) ask(task int, number uint64) uint64 {
	// Shorter than PIPE_BUF, so it is never mixed with another task's.
	asked := make([]byte, 0, requestBytes)
	asked = binary.LittleEndian.AppendUint64(asked, uint64(monotonicNs()+int64(answerAfter)))
	asked = binary.LittleEndian.AppendUint64(asked, uint64(task))
	asked = binary.LittleEndian.AppendUint64(asked, number)
	writeAll(c.requests, asked)
	var reply [8]byte
	orPanic(readFull(c.replies[task], reply[:]))
	return binary.LittleEndian.Uint64(reply[:])
}

func (c *calls) writeSyncRead(task int, number uint64) uint64 {
	file, page := c.files[task], callPage(number)
	if n, err := syscall.Pwrite(file, page, 0); err != nil || n != len(page) {
		panic(fmt.Sprintf("wrote %d bytes of a file: %v", n, err))
	}
	orPanic(syscall.Fdatasync(file))
	readBack := make([]byte, callFileBytes)
	if n, err := syscall.Pread(file, readBack, 0); err != nil || n != len(readBack) {
		panic(fmt.Sprintf("read %d bytes of a file: %v", n, err))
	}
	return sumOf(readBack)
}

// answerRequests is what the process that answers does: it answers, each when it is due, until nobody can ask any more. All answers are due equally long after
// they were asked for, so the pipe keeps them nearly in order.
func answerRequests() {
	// The first two of exec.Cmd.ExtraFiles; the others follow.
	const inbox, firstOutbox = 3, 4
	var asked [requestBytes]byte
	for {
		if err := readFull(inbox, asked[:]); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			panic(err)
		}
		field := func(at int) uint64 { return binary.LittleEndian.Uint64(asked[8*at:]) }
		nanosleep(time.Duration(int64(field(0)) - monotonicNs()))
		writeAll(firstOutbox+int(field(1)), binary.LittleEndian.AppendUint64(nil, scramble(field(2))))
	}
}

// readFull blocks the thread until all is there.
func readFull(descriptor int, into []byte) error {
	for len(into) > 0 {
		n, err := syscall.Read(descriptor, into)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		default:
			into = into[n:]
		}
	}
	return nil
}

func writeAll(descriptor int, bytes []byte) {
	for len(bytes) > 0 {
		n, err := syscall.Write(descriptor, bytes)
		if err != nil && err != syscall.EINTR {
			panic(err)
		}
		bytes = bytes[max(n, 0):]
	}
}

// nanosleep blocks the thread; the runtime's signals interrupt it.
func nanosleep(d time.Duration) {
	left := syscall.NsecToTimespec(int64(d))
	for d > 0 && syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

// monotonicNs is Linux's monotonic clock, which is one for all processes.
func monotonicNs() int64 {
	const clockMonotonic = 1
	var t syscall.Timespec
	if _, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0); failed != 0 {
		panic(failed)
	}
	return t.Nano()
}

// scramble is another number, and another one for each: what a reply to `number` must be.
func scramble(number uint64) uint64 { return leap(number, 1) }

func callPage(number uint64) []byte {
	page := make([]byte, callFileBytes)
	for index := range page {
		page[index] = byte(scramble(number+uint64(index)) >> 56)
	}
	return page
}

// sumOf depends on every byte and on its place.
func sumOf(page []byte) uint64 {
	var sum uint64
	for _, one := range page {
		sum = scramble(sum ^ uint64(one))
	}
	return sum
}
