/** Finding the scripts of a plan. */
import type { Operation, Plan, Script } from "./Plan.js"

/** The operations of a script, those inside others included. */
export const operationsOf = (script: Script): ReadonlyArray<Operation> =>
  script.flatMap((operation) =>
    operation._tag === "Together" ? [operation, ...operation.scripts.flatMap(operationsOf)] : [operation],
  )

/** The name of a child: that of its parent, and that of its operation. */
export const childName = (parent: string, name: string): string => `${parent}/${name}`

/**
 * The scripts of the runs of a plan, those of schedules and children included, by the names of the runs.
 *
 * @category reading
 */
export const byName = ({
  runs,
  schedules,
}: Pick<Plan, "runs" | "schedules">): ReadonlyMap<string, Script> => {
  const found = new Map<string, Script>()
  const add = (name: string, script: Script): void => {
    found.set(name, script)
    for (const operation of operationsOf(script)) {
      if (operation._tag === "Spawn") add(childName(name, operation.name), operation.script)
    }
  }
  for (const { name, script } of [...runs, ...schedules]) add(name, script)
  return found
}
