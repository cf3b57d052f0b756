/** The contract: every endpoint, as one API. */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as OpenApi from "@effect/platform/OpenApi"
import { Struct } from "effect"
import * as A2a from "./Api/A2a.js"
import * as AgUi from "./Api/AgUi.js"
import * as Bulk from "./Api/Bulk.js"
import * as Chat from "./Api/Chat.js"
import * as Conversations from "./Api/Conversations.js"
import * as Examples from "./Api/Examples.js"
import * as Exchange from "./Api/Exchange.js"
import * as Health from "./Api/Health.js"
import * as Keys from "./Api/Keys.js"
import * as Limits from "./Api/Limits.js"
import * as Mcp from "./Api/Mcp.js"
import * as Threads from "./Api/Threads.js"
import * as Responses from "./Api/Responses.js"
import * as Runs from "./Api/Runs.js"
import * as Schedules from "./Api/Schedules.js"
import * as Observe from "./Api/Observe.js"
import * as Session from "./Api/Session.js"
import * as Tokens from "./Api/Tokens.js"
import * as Usage from "./Api/Usage.js"
import * as Workers from "./Api/Workers.js"
import * as Refusal from "./contract/Refusal.js"
import { version } from "./contract/Version.js"

/** The schemas that HttpApi brings for a body that does not fit, where this API has its one refusal. */
const brought = ["HttpApiDecodeError", "Issue", "PropertyKey"]

/** A body that does not fit is refused like everything else, and the endpoints of users have examples. */
const described: NonNullable<Parameters<typeof OpenApi.annotations>[0]["transform"]> = (spec) => ({
  ...spec,
  paths: Examples.add(
    JSON.parse(JSON.stringify(spec["paths"]).replaceAll("/schemas/HttpApiDecodeError", "/schemas/Refusal")),
  ),
  components: {
    ...spec["components"],
    schemas: Struct.omit(spec["components"].schemas, ...brought),
  },
})

/** @category api */
export class Api extends HttpApi.make("runlease")
  .add(Runs.group)
  .add(Usage.group)
  .add(Schedules.group)
  .add(Bulk.group)
  .add(Observe.group)
  .add(Session.groups.signIn)
  .add(Session.groups.session)
  .add(Conversations.group)
  .add(AgUi.group)
  .add(Mcp.group)
  .add(A2a.card)
  .add(A2a.group)
  .add(Responses.group)
  .add(Threads.group)
  .add(Chat.group)
  .add(Limits.group)
  .add(Workers.group)
  .add(Exchange.group)
  .add(Keys.group)
  .add(Tokens.group)
  .add(Health.group)
  .addError(Refusal.Unavailable)
  .annotateContext(
    OpenApi.annotations({
      title: "Runlease",
      version,
      description:
        "Durable agent runs under leases. Submit a run; a worker claims it, appends AG-UI events, and completes it.",
      license: { name: "Apache-2.0" },
      transform: described,
    }),
  ) {}

/**
 * A client of every endpoint, as `HttpApiClient.make(Api.Api)` returns it.
 *
 * @category api
 */
export type Client =
  typeof Api extends HttpApi.HttpApi<infer _Id, infer Groups, infer E, infer _R>
    ? HttpApiClient.Client<Groups, E, never>
    : never
