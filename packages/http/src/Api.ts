/** The contract: every endpoint, as one API. */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiClient from "@effect/platform/HttpApiClient"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Struct } from "effect"
import type { Addition } from "./Api/Addition.js"
import * as AgUi from "./Api/AgUi.js"
import * as Bulk from "./Api/Bulk.js"
import * as Callbacks from "./Api/Callbacks.js"
import * as Conversations from "./Api/Conversations.js"
import * as Examples from "./Api/Examples.js"
import * as Exchange from "./Api/Exchange.js"
import * as Health from "./Api/Health.js"
import * as InputRequests from "./Api/InputRequests.js"
import * as Keys from "./Api/Keys.js"
import * as Limits from "./Api/Limits.js"
import * as Threads from "./Api/Threads.js"
import * as Rollouts from "./Api/Rollouts.js"
import * as Runs from "./Api/Runs.js"
import * as Schedules from "./Api/Schedules.js"
import * as Observe from "./Api/Observe.js"
import * as Outbox from "./Api/Outbox.js"
import * as Session from "./Api/Session.js"
import * as Tokens from "./Api/Tokens.js"
import * as Usage from "./Api/Usage.js"
import * as Webhooks from "./Api/Webhooks.js"
import * as WebhookSources from "./Api/WebhookSources.js"
import * as Workers from "./Api/Workers.js"
import * as Refusal from "./contract/Refusal.js"
import { version } from "./contract/Version.js"

/** The schemas that HttpApi brings for a body that does not fit, where this API has its one refusal. */
const brought = ["HttpApiDecodeError", "Issue", "PropertyKey"]

/** What describes the API. A body that does not fit is refused like everything else, and the endpoints of users have examples. */
const described = (examples: Addition["examples"]) =>
  OpenApi.annotations({
    title: "Runlease",
    version,
    description:
      "Durable agent runs under leases. Submit a run; a worker claims it, appends AG-UI events, and completes it.",
    license: { name: "Apache-2.0" },
    transform: (spec) => ({
      ...spec,
      paths: Examples.add(
        examples,
        JSON.parse(
          JSON.stringify(spec["paths"]).replaceAll("/schemas/HttpApiDecodeError", "/schemas/Refusal"),
        ),
      ),
      components: {
        ...spec["components"],
        schemas: Struct.omit(spec["components"].schemas, ...brought),
      },
    }),
  })

/** The API without endpoints. A face adds its groups to it, and has its handlers by that. */
export const empty = HttpApi.make("runlease").addError(Refusal.Unavailable)

export class Api extends empty
  .add(Runs.group)
  .add(Usage.group)
  .add(Schedules.group)
  .add(Bulk.group)
  .add(Webhooks.group)
  .add(Outbox.group)
  .add(WebhookSources.group)
  .add(WebhookSources.messages)
  .add(Observe.group)
  .add(Session.groups.signIn)
  .add(Session.groups.session)
  .add(Conversations.group)
  .add(InputRequests.group)
  .add(AgUi.group)
  .add(Threads.group)
  .add(Limits.group)
  .add(Rollouts.group)
  .add(Workers.group)
  .add(Exchange.group)
  .add(Keys.group)
  .add(Tokens.group)
  .add(Callbacks.group)
  .add(Callbacks.answers)
  .add(Health.group)
  .annotateContext(described(Examples.examples)) {}

type WithFaces = ReturnType<typeof empty.add<HttpApiGroup.HttpApiGroup.Any>>

/** The API with the endpoints of faces, as a server that has them describes it. */
export const withFaces = (faces: ReadonlyArray<Addition>): WithFaces => {
  const own: Readonly<Record<string, HttpApiGroup.HttpApiGroup.Any>> = Api.groups
  const last = faces.filter(({ after }) => after === undefined || own[after] === undefined)
  const groups = [
    ...Object.values(own).flatMap((group) => [
      group,
      ...faces.flatMap((face) => (face.after === group.identifier ? face.groups : [])),
    ]),
    ...last.flatMap((face) => face.groups),
  ]
  return groups
    .reduce((api: WithFaces, group) => api.add(group), empty)
    .annotateContext(
      described(Object.assign({}, Examples.examples, ...faces.map(({ examples }) => examples))),
    )
}

/** A client of every endpoint but those of faces, as `HttpApiClient.make(Api.Api)` returns it. */
export type Client =
  typeof Api extends HttpApi.HttpApi<infer _Id, infer Groups, infer E, infer _R>
    ? HttpApiClient.Client<Groups, E, never>
    : never
