/** What the run was submitted with. */
import type * as Json from "@runlease/http/Json"
import { useMemo } from "react"
import { plural } from "../../../format/numbers"
import { isRecord } from "../model/questions"
import { inputsOf } from "../model/inputs"
import { parseJson } from "../model/sentences"
import { Disclosure } from "./Disclosure"
import { Output } from "./Output"
import { Rich, UserText } from "./TextViews"

/** A text that is an object of JSON is shown as one. */
const shownAs = (text: string): string => {
  const value = text.startsWith("{") ? parseJson(text) : undefined
  return isRecord(value) ? `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\`` : text
}

const payloadText = (input: unknown): string =>
  typeof input === "string" ? input : JSON.stringify(input, null, 2)

export const Inputs = ({
  createdAt,
  request,
}: {
  readonly request: Json.Snapshot | undefined
  readonly createdAt: number
}) => {
  const inputs = useMemo(() => (request === undefined ? undefined : inputsOf(request)), [request])
  if (inputs === undefined) return null
  return (
    <div className="pt-1.5">
      {inputs.before.length === 0 ? null : (
        <Disclosure
          at={createdAt}
          line={
            <span className="text-ink-2">
              {plural(inputs.before.length, "earlier message")} of the request
            </span>
          }
        >
          {() => (
            <ul className="grid gap-2 border-l-2 border-line py-1 pl-3">
              {inputs.before.map(({ id, role, text }, index) => (
                <li key={`${id}-${index}`}>
                  <span className="text-small text-ink-3">{role}</span>
                  <Rich text={text} />
                </li>
              ))}
            </ul>
          )}
        </Disclosure>
      )}
      {request?.input === undefined ? null : (
        <Output label="Payload of the run" wrap text={payloadText(request.input)} />
      )}
      {inputs.last.map(({ id, text }) => (
        <UserText key={id} text={shownAs(text)} at={createdAt} />
      ))}
      {inputs.last.length === 0 && inputs.before.length === 0 && request?.input === undefined ? (
        <p className="py-2 text-ink-3">The request has no text.</p>
      ) : null}
    </div>
  )
}
