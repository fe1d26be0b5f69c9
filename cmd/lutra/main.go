// Command lutra compresses, converts, runs, evaluates and measures neural
// networks stored as codebooks. Run "lutra help" for the list of commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"lutra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks mistakes on the command line, which exit with code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(plainWriter{stdout})
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(stderr, "lutra: "+oneLine(err))
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return exitUsage
	}
	return exitFailed
}

// oneLine keeps the contract of one line per error: joined errors and
// multi-line causes are put on one line.
func oneLine(err error) string {
	return plain(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "lutra",
		Short: "neural networks as codebooks: small files that run from their codes",
		Long: `lutra product-quantises trained convolutional networks 20-40x and runs the
result without unfolding it. Input is ONNX or PyTorch, output is ordinary ONNX
that any runtime opens.

Every command takes --json (one object on stdout) and exits 0 when it
succeeded, 1 when it failed, 2 when it was called wrongly.`,
		Version:       lutra.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%s: %w (see %s --help)", cmd.Name(), err, cmd.CommandPath())}
	})
	root.AddCommand(
		newDemo(), newConvert(), newTrain(), newSweep(), newCompress(), newTune(), newSensitivity(), newCalibrate(), newEval(), newRun(),
		newBench(), newCompare(), newInspect(), newCosts(), newEmitC(), newMan(),
	)
	return root
}

// exactArgs demands n arguments, named in usage.
func exactArgs(n int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s: expected %s, found %d arguments (see %s --help)", cmd.Name(), usage, len(args), cmd.CommandPath())
		}
		return nil
	}
}
