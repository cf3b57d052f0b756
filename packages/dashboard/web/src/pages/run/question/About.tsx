/** What a question is about: the arguments of the call, and the other metadata of the agent. */
import { labelOf } from "../../../form/schema"
import { aboutOf, besideOf } from "../model/about"
import type { Question } from "../model/questions"
import type { ToolPart } from "../model/parts"
import { parseJson } from "../model/sentences"
import { AboutParts } from "./AboutParts"

const box = "overflow-x-auto rounded-2 bg-sunken px-2.5 py-2 font-mono text-[12px] leading-[18px] text-ink-2"

const lineOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

const Member = ({ name, value }: { readonly name: string; readonly value: unknown }) => {
  const lines = Array.isArray(value) ? value.map(lineOf) : lineOf(value).split("\n")
  return (
    <div className={lines.length > 1 ? "" : "flex gap-2"}>
      <dt className="text-ink-3">{labelOf(name)}</dt>
      <dd className="min-w-0">
        {lines.map((line, index) => (
          <div key={index} className="whitespace-pre">
            {line}
          </div>
        ))}
      </dd>
    </div>
  )
}

export const About = ({
  question,
  call,
}: {
  readonly question: Question
  readonly call: ToolPart | undefined
}) => {
  const logged = call === undefined || call.args === "" ? undefined : (parseJson(call.args) ?? call.args)
  const args = question.toolArguments ?? logged
  const members = besideOf(question)
  return (
    <>
      <AboutParts parts={aboutOf(question)} isBrief={false} />
      {args === undefined ? null : (
        <pre
          tabIndex={0}
          role="region"
          aria-label={`Arguments of ${question.toolName ?? call?.name}`}
          className={`${box} max-h-60 overflow-y-auto`}
        >
          {typeof args === "string" ? args : JSON.stringify(args, null, 2)}
        </pre>
      )}
      {members.length === 0 ? null : (
        <dl tabIndex={0} aria-label="Metadata of the question" className={`${box} grid gap-1`}>
          {members.map(([name, value]) => (
            <Member key={name} name={name} value={value} />
          ))}
        </dl>
      )}
    </>
  )
}
