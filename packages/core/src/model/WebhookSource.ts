/**
 * Webhook sources: the services that post signed messages to a project. Each message begins a run.
 *
 * Source: docs/decisions/0151-webhooks-in.md
 */
import { Schema } from "effect"
import * as Ids from "./Ids.js"

/** The name of a source in its project, and in the address that gets its messages. */
export const SourceName = Schema.String.pipe(
  Schema.pattern(/^[a-z0-9]+(-[a-z0-9]+)*$/, {
    message: () => "must be words of a-z and 0-9 with dashes between them, such as github-issues",
  }),
  Schema.maxLength(64),
  Schema.brand("SourceName"),
)
export type SourceName = typeof SourceName.Type

/**
 * How a source signs. `standard`: as Standard Webhooks says. `github`: by the header `X-Hub-Signature-256` of GitHub, over the body alone.
 */
export const SourceScheme = Schema.Literal("standard", "github")
export type SourceScheme = typeof SourceScheme.Type

const instant = Schema.DateTimeUtcFromNumber

/** The most sources of a project. */
export const maxSources = 100

/** Bytes. The most that the body of a message has. */
export const maxMessageBytes = 1024 * 1024

/**
 * What posts to a project. `agentId`: the agent of the runs. `events`: the types of messages that begin one, null for all; `issues` of GitHub
 * means each action, and `issues.opened` one. `prompt`: the message of the user that a run begins with, where `{{payload.issue.title}}` is
 * a value of the message; null for none. `path`: where the server gets the messages.
 */
export const Source = Schema.Struct({
  name: SourceName,
  projectId: Ids.ProjectId,
  scheme: SourceScheme,
  agentId: Ids.NewAgentId,
  events: Schema.NullOr(Schema.Array(Ids.visibleText(128)).pipe(Schema.minItems(1), Schema.maxItems(100))),
  prompt: Schema.NullOr(Schema.NonEmptyString.pipe(Schema.maxLength(20_000))),
  path: Schema.String,
  createdBy: Schema.NullOr(Schema.String),
  createdAt: instant,
  updatedAt: instant,
})
export type Source = typeof Source.Type

/** The path of the address that gets the messages of a source. */
export const pathOf = (projectId: string, name: string): string => `/hooks/${projectId}/${name}`
