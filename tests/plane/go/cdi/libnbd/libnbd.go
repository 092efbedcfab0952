// Package libnbd is a stub with the names CDI's importer refers to, because
// the real binding has no module archive and needs cgo. Every call answers
// that it is not part of this build: imports from VMware (VDDK) and
// changed-block tracking do not work here, and nothing else uses it.
package libnbd

import "errors"

// The constants have the values of the NBD protocol and of libnbd.
const (
	CMD_FLAG_REQ_ONE          = CmdFlag(8)
	STATE_HOLE                = 1
	STATE_ZERO                = 2
	STATE_DIRTY               = 1
	CONTEXT_BASE_ALLOCATION   = "base:allocation"
	CONTEXT_QEMU_DIRTY_BITMAP = "qemu:dirty-bitmap:"
)

// CmdFlag is a flag of one NBD request.
type CmdFlag uint32

// LibnbdError is the error type of the real binding.
type LibnbdError struct{ Op string }

func (e *LibnbdError) Error() string { return e.Op + ": libnbd is not part of this build" }

// Libnbd is a connection that can never be made.
type Libnbd struct{}

// LibnbdExtent is one extent with 64 bit flags.
type LibnbdExtent struct{ Length, Flags uint64 }

// ExtentCallback receives extents as pairs of length and flags.
type ExtentCallback func(metacontext string, offset uint64, entries []uint32, err *int) int

// Extent64Callback receives extents with 64 bit lengths.
type Extent64Callback func(metacontext string, offset uint64, entries []LibnbdExtent, err *int) int

// PreadOptargs are the optional arguments of Pread.
type PreadOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// BlockStatusOptargs are the optional arguments of BlockStatus.
type BlockStatusOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// BlockStatus64Optargs are the optional arguments of BlockStatus64.
type BlockStatus64Optargs = BlockStatusOptargs

var errAbsent = errors.New("libnbd is not part of this build")

// Create always fails, so no method below is ever reached.
func Create() (*Libnbd, error) { return nil, errAbsent }

func (h *Libnbd) AddMetaContext(string) error         { return errAbsent }
func (h *Libnbd) ConnectUri(string) error             { return errAbsent }
func (h *Libnbd) ConnectUnix(string) error            { return errAbsent }
func (h *Libnbd) SetExportName(string) error          { return errAbsent }
func (h *Libnbd) CanMetaContext(string) (bool, error) { return false, errAbsent }
func (h *Libnbd) GetSize() (uint64, error)            { return 0, errAbsent }

func (h *Libnbd) Pread([]byte, uint64, *PreadOptargs) error { return errAbsent }

func (h *Libnbd) BlockStatus(uint64, uint64, ExtentCallback, *BlockStatusOptargs) error {
	return errAbsent
}

func (h *Libnbd) BlockStatus64(uint64, uint64, Extent64Callback, *BlockStatus64Optargs) error {
	return errAbsent
}

// Close of a connection that was never made succeeds.
func (h *Libnbd) Close() *LibnbdError { return nil }
