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
	context.AfterFunc(ctx, stop) // who asks twice does not wait
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as of shells: 128 and the number of SIGINT
)

// interruption is an interrupted work of which something is left to go on from.
type interruption struct {
	error
	hint string
}

func (e interruption) Unwrap() error { return e.error }

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
		text := "lutra: interrupted"
		if left := (interruption{}); errors.As(err, &left) {
			text += ": " + left.hint
		}
		fmt.Fprintln(stderr, text)
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "lutra: "+oneLine(err))
	if calledWrongly(err) {
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "lutra",
		Short: "neural networks as codebooks: small files that run from their codes",
		Long: `lutra product-quantises trained convolutional networks 20-40x and runs the
result without unfolding it. Input is ONNX or PyTorch, output is ordinary ONNX
that any runtime opens.

Every command takes --json (one object on stdout) and exits 0 when it
succeeded, 1 when it failed, 2 when it was called wrongly, 130 when it was
interrupted. What takes long keeps its progress and goes on when asked again.`,
		Version:       lutra.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Context().Err()
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(flagMistake)
	root.SuggestionsMinimumDistance = 2
	root.SetUsageFunc(usage)
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Make a network smaller", []*cobra.Command{newCompress(), newTune(), newSensitivity(), newCalibrate(), newConvert()}},
		{"See what it does, and what it costs", []*cobra.Command{newRun(), newEval(), newCompare(), newBench(), newInspect()}},
		{"Train, with or without multiplication", []*cobra.Command{newTrain(), newSweep(), newEmitC()}},
		{"Others", []*cobra.Command{newDemo(), newCosts(), newMan()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.title
			root.AddCommand(c)
		}
	}
	help := newHelp()
	help.GroupID = "Others"
	root.SetCompletionCommandGroupID("Others")
	root.SetHelpCommand(help)
	root.InitDefaultCompletionCmd("completion")
	nameCompletion(root)
	completeNames(root)
	return root
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "show what a command does",
		Long:    "Help prints what lutra COMMAND --help prints: what the command does, examples, and its flags.",
		Example: "  lutra help compress",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err == nil && found == cmd.Root() {
				err = knownCommand(found, rest)
			}
			if err != nil {
				return err
			}
			return found.Help()
		},
	}
}

// nameCompletion words the command that cobra generates as the others are.
func nameCompletion(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Short = "write the script with which a shell completes commands and flags"
		cmd.Long = "Completion writes such a script for bash, zsh, fish or PowerShell;\nlutra completion SHELL --help says where to put it."
		cmd.Example = "  source <(lutra completion bash)\n  lutra completion zsh > \"${fpath[1]}/_lutra\""
		cmd.Args = nil
		cmd.RunE = func(*cobra.Command, []string) error {
			return usagef("completion: expected bash, zsh, fish or powershell (see lutra completion --help)")
		}
		for _, shell := range cmd.Commands() {
			shell.Short = "the script for " + shell.Name()
			shell.Long = strings.ReplaceAll(shell.Long, "#### ", "")
		}
	}
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
