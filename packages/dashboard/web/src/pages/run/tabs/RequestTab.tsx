/** The request as the next claim gets it: messages, answers, tools, context, trace. */
import type * as Json from "@runlease/http/Json"
import { type ReactNode, useState } from "react"
import { plural } from "../../../format/numbers"
import { Skeleton, Trouble } from "../../../ui/Loading"
import { Chevron } from "../conversation/Disclosure"
import { Output } from "../conversation/Output"
import { textOf } from "../model/inputs"
import { isRecord } from "../model/questions"
import { cut } from "../model/sentences"

/** A line of a list that opens to its JSON. */
const Disclosed = ({
  children,
  name,
  text,
}: {
  readonly name: string
  readonly text: string
  readonly children: () => ReactNode
}) => {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button
        type="button"
        aria-expanded={isOpen}
        className="-mx-1 flex min-h-7 w-full min-w-0 items-center gap-2 rounded-1 px-1 text-left hover:bg-hover max-desk:min-h-11"
        onClick={() => setOpen(!isOpen)}
      >
        <Chevron isOpen={isOpen} />
        <span className="shrink-0 font-medium">{name}</span>
        <span className="min-w-0 truncate text-ink-2">{text}</span>
      </button>
      {isOpen ? <div className="pl-5">{children()}</div> : null}
    </>
  )
}

const Part = ({
  children,
  note,
  title,
}: {
  readonly title: string
  readonly note?: string
  readonly children: ReactNode
}) => (
  <section className="border-t border-line px-4 py-3 first:border-t-0 max-desk:px-3">
    <h3 className="mb-1 font-medium">
      {title} <span className="font-normal text-ink-3">{note}</span>
    </h3>
    {children}
  </section>
)

const json = (value: unknown): string => JSON.stringify(value, null, 2) ?? ""

const nameOf = (tool: unknown): string =>
  isRecord(tool) && typeof tool["name"] === "string" ? tool["name"] : "tool"

const aboutOf = (tool: unknown): string =>
  isRecord(tool) && typeof tool["description"] === "string" ? tool["description"] : ""

const Values = ({ label, values }: { readonly label: string; readonly values: ReadonlyArray<unknown> }) =>
  values.length === 0 ? null : (
    <Part title={label} note={String(values.length)}>
      {values.map((value, index) => (
        <Disclosed key={index} name={nameOf(value)} text={cut(aboutOf(value), 200)}>
          {() => <Output label={nameOf(value)} text={json(value)} wrap />}
        </Disclosed>
      ))}
    </Part>
  )

export const RequestTab = ({
  error,
  request,
  retry,
}: {
  readonly request: Json.Snapshot | undefined
  readonly error: Error | null
  readonly retry: () => void
}) => {
  if (request === undefined)
    return error === null ? <Skeleton rows={4} /> : <Trouble error={error} retry={retry} />
  const { context, forwardedProps, input, messages, resume, tools, traceContext } = request
  return (
    <>
      {input === undefined ? null : (
        <Part title="Payload">
          <Output label="Payload" text={json(input)} wrap />
        </Part>
      )}
      <Part title="Messages" note={plural(messages.length, "message")}>
        {messages.map((message, index) => (
          <Disclosed
            key={`${message.id} ${index}`}
            name={message.role}
            text={cut(textOf(message.parts), 200) || message.parts.map(({ type }) => type).join(", ")}
          >
            {() => <Output label={`Message ${message.id}`} text={json(message)} wrap />}
          </Disclosed>
        ))}
        {messages.length === 0 ? <p className="text-ink-3">None.</p> : null}
      </Part>
      {resume === undefined || resume.length === 0 ? null : (
        <Part title="Answers so far" note={String(resume.length)}>
          <Output label="Answers" text={json(resume)} wrap />
        </Part>
      )}
      <Values label="Tools of the client" values={tools} />
      {context.length === 0 ? null : (
        <Part title="Context" note={String(context.length)}>
          <Output label="Context" text={json(context)} wrap />
        </Part>
      )}
      {forwardedProps === undefined ? null : (
        <Part title="Forwarded properties">
          <Output label="Forwarded properties" text={json(forwardedProps)} wrap />
        </Part>
      )}
      {traceContext === undefined ? null : (
        <Part title="Trace">
          <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
            <dt className="text-ink-3">Trace id</dt>
            <dd className="font-mono text-[12px] break-all">{traceContext.traceId}</dd>
            <dt className="text-ink-3">Span id</dt>
            <dd className="font-mono text-[12px] break-all">{traceContext.spanId}</dd>
          </dl>
        </Part>
      )}
    </>
  )
}
