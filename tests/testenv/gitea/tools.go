//go:build tools

// Package tools names the command that this module builds.
package tools

import _ "code.gitea.io/gitea"
