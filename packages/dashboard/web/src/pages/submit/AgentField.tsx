/** Which agent the run is for: one that workers have, or another by its id. */
import type * as Json from "@runlease/http/Json"
import { useState } from "react"
import { Labelled, lineClass } from "../../form/FormFields"
import { SelectBox } from "../../form/SelectBox"
import { plural } from "../../format/numbers"

const other = " other"

const wordOf = ({ agent_id, workers }: Json.Agent): string =>
  `${agent_id}, ${workers === 0 ? "no worker now" : plural(workers, "worker")}`

export const AgentField = ({
  agent,
  agents,
  onChange,
  problem,
}: {
  readonly agent: string
  readonly agents: ReadonlyArray<Json.Agent>
  readonly problem: string | undefined
  readonly onChange: (agent: string) => void
}) => {
  const listed = agents.find(({ agent_id }) => agent_id === agent)
  const [isOther, setOther] = useState(agent !== "" && listed === undefined)
  const isTyped = isOther || agents.length === 0
  return (
    <>
      {agents.length === 0 ? null : (
        <Labelled
          label="Agent"
          problem={isTyped ? undefined : problem}
          help={
            listed?.workers === 0 && !isTyped
              ? "No worker has this agent now. The run waits in the queue until one does."
              : undefined
          }
        >
          {({ describedBy, id }) => (
            <SelectBox
              id={id}
              describedBy={describedBy}
              placeholder="Choose an agent"
              value={isTyped ? other : agent}
              options={[
                ...agents.map((one) => ({ value: one.agent_id, label: wordOf(one) })),
                { value: other, label: "Another agent, by its id" },
              ]}
              onChange={(chosen) => {
                setOther(chosen === other)
                onChange(chosen === other ? "" : chosen)
              }}
            />
          )}
        </Labelled>
      )}
      {isTyped ? (
        <Labelled
          label={agents.length === 0 ? "Agent" : "Id of the agent"}
          problem={problem}
          help="The run waits in the queue until a worker of this agent claims it."
        >
          {({ describedBy, id }) => (
            <input
              id={id}
              aria-describedby={describedBy}
              value={agent}
              autoCapitalize="off"
              spellCheck={false}
              onChange={(event) => onChange(event.target.value)}
              className={lineClass}
            />
          )}
        </Labelled>
      ) : null}
    </>
  )
}
