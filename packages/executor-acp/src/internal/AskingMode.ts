/**
 * Chooses the mode in which an agent asks before it acts, from the modes that the agent offers.
 *
 * Source: docs/decisions/0029-asking-modes.md
 */
import type * as acp from "@agentclientprotocol/sdk"
import { AgentEvent, Executor } from "@runlease/core"
import { Effect, Predicate } from "effect"
import type { Agent } from "./Agent.js"
import * as Truncation from "./Truncation.js"
import * as WellFormed from "./WellFormed.js"

/** The modes and the configuration options of a new session. */
export type Offer = Pick<acp.NewSessionResponse, "configOptions" | "modes">

export interface Mode {
  /** The configuration option that has this value. Undefined for a session mode. */
  readonly configId: string | undefined
  readonly id: string
  readonly name: string
  readonly description: string
  readonly isCurrent: boolean
}

/** The asking modes of some agents, by the agent's own name. */
const askingModes: ReadonlyArray<{ readonly agent: RegExp; readonly id: string }> = [
  { agent: /(^|\/)claude-(agent|code)-acp$/, id: "default" },
  { agent: /(^|\/)codex-acp$/, id: "read-only" },
]

/** Words that promise a question before each change. */
const promises =
  /\b(asks?|prompts?) (you )?(for (your )?(approval|permission|confirmation)|before)\b|\brequires? (your )?(approval|permission|confirmation)\b|\b(approval|permission|confirmation) (is |are )?(required|needed)\b/

/** Words that limit such a promise or take it back. */
const exceptions =
  /\b(auto|automatic|automatically|yolo|bypass\w*|skip\w*|accepts?|never|not?|don'?t|doesn'?t|without|unless|except|only|outside|danger\w*|unsafe|risky|sensitive|destructive|some)\b/

const wordsOf = ({ description, id, name }: Mode): string =>
  `${id}; ${name}; ${description}`
    .toLowerCase()
    .replaceAll("’", "'")
    .replaceAll(/read[- ]only/g, "readonly")

const describesAsking = (mode: Mode): boolean => {
  const words = wordsOf(mode)
  return promises.test(words) && !exceptions.test(words)
}

/** Whether an option selects a mode: by its category, or by its name if it has no category of the protocol. */
const selectsMode = ({ category, id, name }: acp.SessionConfigOption): boolean =>
  category === "mode" ||
  ((typeof category !== "string" || category.startsWith("_")) &&
    /mode|approv|permission/i.test(`${id} ${name}`))

const optionsOf = (offer: Offer) =>
  WellFormed.items(offer.configOptions, WellFormed.hasTexts("id", "name", "type"))

const isValue = WellFormed.hasTexts("value", "name")

const modesOfOption = (option: acp.SessionConfigOption): ReadonlyArray<Mode> =>
  option.type !== "select" || !selectsMode(option)
    ? []
    : WellFormed.items<(typeof option.options)[number]>(option.options, Predicate.isRecord)
        .flatMap((entry) =>
          "options" in entry ? WellFormed.items(entry.options, isValue) : isValue(entry) ? [entry] : [],
        )
        .map(({ description, name, value }) => ({
          configId: option.id,
          id: value,
          name,
          description: description ?? "",
          isCurrent: value === option.currentValue,
        }))

const modesOfSession = (state: acp.SessionModeState): ReadonlyArray<Mode> =>
  WellFormed.items(state.availableModes, WellFormed.hasTexts("id", "name")).map(
    ({ description, id, name }) => ({
      configId: undefined,
      id,
      name,
      description: description ?? "",
      isCurrent: id === state.currentModeId,
    }),
  )

/** The asking mode of one selector, if it has one. */
const askingModeOf = (agent: string | undefined, modes: ReadonlyArray<Mode>): ReadonlyArray<Mode> => {
  const idOfAgent = askingModes.find((entry) => agent !== undefined && entry.agent.test(agent))?.id
  const byId = modes.filter(({ id }) => id === idOfAgent)
  const asking = byId.length > 0 ? byId : modes.filter(describesAsking)
  return asking.toSorted((one, other) => Number(other.isCurrent) - Number(one.isCurrent)).slice(0, 1)
}

/**
 * The modes that make an agent ask: one for each configuration option that has one, or else a session mode. Empty when no
 * mode promises to ask.
 */
export const choose = (agent: string | undefined, offer: Offer): ReadonlyArray<Mode> => {
  const { modes } = offer
  const values = optionsOf(offer).flatMap((option) => askingModeOf(agent, modesOfOption(option)))
  return values.length > 0 || modes == null ? values : askingModeOf(agent, modesOfSession(modes))
}

/** Puts a session into the asking modes of its agent. False if the agent has none or refuses them. */
export const enter = (
  agent: Agent,
  agentName: string | undefined,
  sessionId: string,
  offer: Offer,
): Effect.Effect<boolean, Executor.ExecutorError> => {
  const set = ({ configId, id, isCurrent }: Mode) => {
    if (isCurrent) return Effect.succeed(true)
    if (configId === undefined) {
      return Effect.as(agent.request("session/set_mode", { sessionId, modeId: id }), true)
    }
    return Effect.map(
      agent.request("session/set_config_option", { sessionId, configId, value: id }),
      (offer) => optionsOf(offer).some((option) => option.id === configId && option.currentValue === id),
    )
  }
  const modes = choose(agentName, offer)
  return Effect.forEach(modes, set).pipe(
    Effect.map((results) => results.length > 0 && results.every(Boolean)),
    Effect.catchTag("RequestRefused", (refused) =>
      Effect.as(Effect.logWarning("The agent refuses its asking mode", refused.message), false),
    ),
  )
}

/** A message, and an event for the run's log, about an agent without a recognized asking mode. */
export const describeUnknown = (name: string, offer: Offer) => {
  const { modes } = offer
  const values = optionsOf(offer).flatMap(modesOfOption)
  const ids = (values.length > 0 || modes == null ? values : modesOfSession(modes)).map(({ id }) => id)
  const offeredModes =
    ids.length === 0 ? "It offers no modes" : `Its modes are ${ids.join(", ").slice(0, 1000)}`
  const message = `${name} cannot be put into a mode that asks, so it may act without asking. ${offeredModes}. Make it ask by its own settings`
  return {
    message,
    event: AgentEvent.custom("acp.asking_mode_unknown", Truncation.json({ message, modes: ids })),
  }
}
