package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "man -o FOLDER",
		Short: "write the manual pages",
		Long: `Man writes a manual page for every command into a folder, from the same text as
--help. Put them where man(1) looks, such as ~/.local/share/man/man1. Shell
completion is written by lutra completion.`,
		Example: `  lutra man -o ~/.local/share/man/man1`,
		Args:    exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("man: expected a folder (-o FOLDER)")
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "LUTRA", Section: "1", Source: "lutra"}, out); err != nil {
				return err
			}
			pages, err := os.ReadDir(out)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]any{"folder": out, "pages": len(pages)})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d files in %s\n", len(pages), out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "folder for the pages")
	jsonFlag(cmd, &asJSON)
	return cmd
}
