/**
 * Starts a program under a limit of memory.
 *
 * The limit is `RLIMIT_DATA`: the private memory that a process may write to. Each process of the program has the limit for
 * itself, so it does not bound their number, nor memory that they share, nor files. Linux holds it; other systems may not.
 */
import { Effect } from "effect"
import * as ProgramPath from "./ProgramPath.js"

export interface Program {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

/** A shell sets the limit and becomes the program, so the program has the pid of the shell. */
const script = 'ulimit -d "$1" && shift && exec "$@"'

/**
 * The program under a limit of `maxBytes`, which is rounded up to KiB. Its command is looked up in `path`.
 *
 * Fails: `ProgramUnusable` when there is no such program.
 */
export const apply = (
  { args, command }: Program,
  maxBytes: number,
  path: string | undefined,
): Effect.Effect<Program, ProgramPath.ProgramUnusable> =>
  Effect.map(ProgramPath.find(command, path), (file) => ({
    command: "/bin/sh",
    args: ["-c", script, "runlease-limit", String(Math.ceil(maxBytes / 1024)), file, ...args],
  }))
