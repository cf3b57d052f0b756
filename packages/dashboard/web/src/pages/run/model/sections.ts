/** The parts of a conversation by the claim under which they came. */
import type * as Json from "@runlease/http/Json"
import { plural } from "../../../format/numbers"
import { lastSentence } from "./sentences"
import type { Part, TakeoverPart } from "./parts"

/** `claim` is null for what came before the first claim. */
export interface Section {
  readonly key: string
  readonly claim: Json.ClaimRecord | null
  readonly takeover: TakeoverPart | null
  readonly parts: ReadonlyArray<Part>
}

/** Whether a part has a place. A step with messages or calls has none: these show it. */
const isShown = (part: Part): boolean => {
  // A message that was read says so itself.
  if (part.kind === "step") return part.step !== "inbox" && (part.shown || !part.opens)
  if (part.kind === "reasoning" || part.kind === "text") return part.text !== "" || part.open
  return true
}

/** A claim writes the mark of a takeover, so both have one time; no more than the clock's precision is between them. */
const beginsWith = (claim: Json.ClaimRecord, part: Part): boolean => {
  const at = Date.parse(claim.claimed_at)
  return part.at >= at || (part.kind === "takeover" && part.attempt !== null && at - part.at < 1000)
}

/** The wait of a run that sleeps, which says what the record of the sleep says. */
const isSleep = (part: Part): boolean =>
  part.kind === "pause" && part.until !== null && part.reasons.length === 1

const isSleepStep = (part: Part | undefined): boolean => part?.kind === "step" && part.step === "sleep"

export const sectionsOf = (
  parts: ReadonlyArray<Part>,
  claims: ReadonlyArray<Json.ClaimRecord>,
): ReadonlyArray<Section> => {
  const sections: Array<{
    key: string
    claim: Json.ClaimRecord | null
    takeover: TakeoverPart | null
    parts: Array<Part>
  }> = []
  const open = (claim: Json.ClaimRecord | null) =>
    sections.push({
      key: claim === null ? "before" : `claim-${claim.lease_epoch}`,
      claim,
      takeover: null,
      parts: [],
    })
  open(null)
  let next = 0
  for (const part of parts) {
    while (next < claims.length && beginsWith(claims[next]!, part)) open(claims[next++]!)
    const section = sections.at(-1)!
    if (part.kind === "takeover" && part.attempt !== null && section.parts.length === 0)
      section.takeover = part
    else if (isShown(part)) {
      if (isSleep(part) && isSleepStep(section.parts.at(-1))) section.parts.pop()
      section.parts.push(part)
    }
  }
  while (next < claims.length) open(claims[next++]!)
  return sections.filter(({ claim, parts: own }) => claim !== null || own.length > 0)
}

/** The parts that stay in sight where a claim is folded: children, messages to the run, questions and their answers. */
export const staysInSight = (part: Part): boolean =>
  part.kind === "child" ||
  part.kind === "told" ||
  part.kind === "question" ||
  (part.kind === "tool" && part.question !== null)

/** Sections that are folded to one line together, or one that is shown. */
export type Shown =
  | { readonly kind: "open"; readonly section: Section }
  | { readonly kind: "folded"; readonly sections: ReadonlyArray<Section> }

/** How many claims at the end are shown. */
const open = 2

/**
 * All claims but the last two are folded. Claims next to each other of which nothing stays in sight are one line where there are more than
 * three.
 */
export const foldSections = (
  sections: ReadonlyArray<Section>,
  opened: ReadonlySet<string>,
): ReadonlyArray<Shown> => {
  const shown: Array<Shown> = []
  const claims = sections.filter(({ claim }) => claim !== null)
  const unfolded = new Set(claims.slice(-open).map(({ key }) => key))
  let bare: Array<Section> = []
  const flush = () => {
    if (bare.length > 3) shown.push({ kind: "folded", sections: bare })
    else for (const section of bare) shown.push({ kind: "folded", sections: [section] })
    bare = []
  }
  for (const section of sections) {
    if (section.claim === null || unfolded.has(section.key) || opened.has(section.key)) {
      flush()
      shown.push({ kind: "open", section })
    } else if (section.parts.some(staysInSight)) {
      flush()
      shown.push({ kind: "folded", sections: [section] })
    } else bare.push(section)
  }
  flush()
  return shown
}

/** `4 steps, 2 messages, reproduced the failure in 3 of 40 runs` */
export const summaryOf = (parts: ReadonlyArray<Part>): string => {
  const steps = parts.filter(({ kind }) => kind === "tool" || kind === "step").length
  const texts = parts.flatMap((part) => (part.kind === "text" && part.text !== "" ? [part.text] : []))
  const sentence = lastSentence(texts.at(-1) ?? "")
  return [
    ...(steps > 0 ? [plural(steps, "step")] : []),
    ...(texts.length > 0 ? [plural(texts.length, "message")] : []),
    ...(sentence === "" ? [] : [sentence]),
  ].join(", ")
}
