/** What the agents do. */
import { Interrupts, Step } from "@runlease/core"
import { Effect } from "effect"
import { judge } from "./model.js"
import { Refund } from "./refund.js"

export default Refund.toLayer(({ euros, order, reason }) =>
  Effect.gen(function* () {
    // A step is recorded: a worker that takes this run over reads the answer, and does not pay for it again.
    const opinion = yield* Step.run("judge", judge(reason))
    // The run waits here for a person, and no worker holds it.
    const approved = yield* Interrupts.approve("refund", {
      message: `Refund order ${order}? ${opinion}`,
      about: { euros },
    })
    if (!approved) return "Not refunded"
    return yield* Step.run("pay", Effect.succeed(`Refunded ${euros} EUR`))
  }),
)
