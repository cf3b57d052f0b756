/**
 * Descriptions of commands and flags, which `HelpText` prints.
 */
import type { Command, Options } from "@effect/cli"
import { withDescription } from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import { map } from "@effect/cli/Options"
import { Array, identity, Record } from "effect"

/** Describes a command: a summary, and examples of command lines. */
export const command =
  (summary: string, examples: ReadonlyArray<string> = []) =>
  <Name extends string, R, E, A>(self: Command.Command<Name, R, E, A>): Command.Command<Name, R, E, A> =>
    withDescription(
      self,
      HelpDoc.blocks([
        HelpDoc.p(summary),
        ...(Array.isNonEmptyReadonlyArray(examples)
          ? [HelpDoc.enumeration(Array.map(examples, (example) => HelpDoc.p(example)))]
          : []),
      ]),
    )

/** Puts a flag, or several, under a heading of the help. */
export const inGroup =
  (group: string) =>
  <A>(self: Options.Options<A>): Options.Options<A> =>
    Object.assign(map(self, identity<A>), { group })

/** Puts every flag of a record under a heading of the help. */
export const grouped = <F extends Readonly<globalThis.Record<string, Options.Options<unknown>>>>(
  group: string,
  flags: F,
): F => Record.map(flags, inGroup(group)) as globalThis.Record<string, Options.Options<unknown>> as F
