/**
 * `runlease sql`: statements for a database of the user, which the user's own tool applies.
 */
import { Command, Options } from "@effect/cli"
import { Relay, TransactionalSteps } from "@runlease/sql"
import { Console } from "effect"
import * as Describe from "../help/Describe.js"

const dialect = Options.choice("dialect", ["postgres", "sqlite"]).pipe(
  Options.withDescription("The database that the statement is for"),
)

const steps = Command.make("steps", { dialect }, ({ dialect }) =>
  Console.log(`${TransactionalSteps.definition(dialect)};`),
).pipe(
  Describe.command(
    "Print the statement that makes the table of steps in a transaction, for your migrations.",
    [
      "runlease sql steps --dialect postgres | psql $APP_DATABASE",
      "runlease sql steps --dialect sqlite > migrations/0007_runlease_steps.sql",
    ],
  ),
)

const outbox = Command.make("outbox", { dialect }, ({ dialect }) =>
  Console.log(
    Relay.definition(dialect)
      .map((statement) => `${statement};`)
      .join("\n\n"),
  ),
).pipe(
  Describe.command(
    "Print the statements that make the outbox in a database of yours, for your migrations. The database of the server has it.",
    ["runlease sql outbox --dialect postgres | psql $APP_DATABASE"],
  ),
)

export const command = Command.make("sql").pipe(
  Describe.command("Print statements for a database of yours."),
  Command.withSubcommands([steps, outbox]),
)
