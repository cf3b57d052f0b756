/** The pairs of a trial: a table, or a list on a phone. Each opens to what both runs gave. */
import type * as Json from "@runlease/http/Json"
import { useId, useState } from "react"
import { dollars, integer, short } from "../../format/numbers"
import { duration } from "../../format/times"
import { useSeen } from "../../ui/useSeen"
import { type Column, TableHead } from "../../ui/TableHead"
import { Chevron } from "../run/conversation/Disclosure"
import { titleOf } from "../runs/RunTitle"
import { PairOutput, useOutputs } from "./PairOutput"
import { Both, Outcome } from "./PairParts"
import { isOver, type Pair, scoreOf, tookMillis } from "./trialState"

const cell = "h-9 border-t border-line px-2 whitespace-nowrap first:pl-4 last:pr-4"
const number = `${cell} text-right`
/** A column that a narrow window has no room for. */
const onlyWide = "max-[1200px]:hidden"
const none = "–"

type Shown = (run: Json.RunSummary) => string

const figures = {
  tokens: ({ tokens }) => short(tokens),
  cost: ({ cost }) => dollars(cost),
  took: (run) => {
    const millis = tookMillis(run)
    return millis === undefined ? none : duration(millis)
  },
} satisfies Record<string, Shown>

const Figure = ({ pair: { original, trial }, shown }: { readonly pair: Pair; readonly shown: Shown }) => (
  <Both before={original === undefined ? none : shown(original)} after={shown(trial)} />
)

/** What the run of the trial wrote where it differs. */
const DifferenceWords = ({ isSeen, pair }: { readonly pair: Pair; readonly isSeen: boolean }) => {
  const { outputs } = useOutputs(pair, isSeen)
  if (outputs === undefined) return null
  if (outputs.difference !== undefined) {
    return outputs.difference.added.trim() === "" ? "Less" : outputs.difference.added
  }
  if (pair.original === undefined) return outputs.after
  return <span className="text-ink-3">{isOver(pair.trial) ? "Same" : none}</span>
}

const Outcomes = ({ pair: { original, trial } }: { readonly pair: Pair }) =>
  original === undefined || original.status === trial.status ? (
    <Outcome run={trial} />
  ) : (
    <span className="inline-flex items-center gap-1.5">
      <Outcome run={original} />
      <span aria-hidden className="text-ink-3">
        →
      </span>
      <span className="sr-only">before, now</span>
      <Outcome run={trial} />
    </span>
  )

/** What the pair is about, as the button that opens it. */
const Title = ({
  isOpen,
  onToggle,
  outputId,
  pair: { original, trial },
}: {
  readonly pair: Pair
  readonly isOpen: boolean
  readonly outputId: string
  readonly onToggle: () => void
}) => (
  <button
    type="button"
    aria-expanded={isOpen}
    aria-controls={isOpen ? outputId : undefined}
    className="flex w-full min-w-0 items-center gap-1.5 text-left font-medium max-desk:min-h-11"
    onClick={onToggle}
  >
    <Chevron isOpen={isOpen} />
    <span className="truncate">{titleOf(original ?? trial)}</span>
  </button>
)

interface RowProps {
  readonly pair: Pair
  readonly hasScores: boolean
}

const columnsOf = (hasScores: boolean): ReadonlyArray<Column> => [
  { name: "Run" },
  { name: "Outcome", width: "w-[212px]" },
  { name: "Written now", title: "What the run of the trial wrote, where it differs" },
  { name: "Tokens", width: "w-[124px]", isRight: true },
  { name: "Cost", width: "w-[124px]", isRight: true, className: onlyWide },
  { name: "Took", width: "w-[116px]", isRight: true },
  ...(hasScores ? [{ name: "Score", width: "w-[84px]", isRight: true } as const] : []),
]

const Row = ({ hasScores, pair }: RowProps) => {
  const [isOpen, setOpen] = useState(false)
  const { isSeen, ref } = useSeen<HTMLTableRowElement>()
  const id = useId()
  return (
    <>
      <tr ref={ref} className="transition-colors duration-[120ms] hover:bg-hover">
        <td className={`${cell} max-w-0`}>
          <Title pair={pair} isOpen={isOpen} outputId={id} onToggle={() => setOpen(!isOpen)} />
        </td>
        <td className={cell}>
          <Outcomes pair={pair} />
        </td>
        <td className={`${cell} max-w-0 truncate text-ink-2`}>
          <DifferenceWords pair={pair} isSeen={isSeen} />
        </td>
        <td className={number}>
          <Figure pair={pair} shown={figures.tokens} />
        </td>
        <td className={`${number} ${onlyWide}`}>
          <Figure pair={pair} shown={figures.cost} />
        </td>
        <td className={number}>
          <Figure pair={pair} shown={figures.took} />
        </td>
        {hasScores ? <td className={`${number} truncate`}>{scoreOf(pair.trial) ?? none}</td> : null}
      </tr>
      {isOpen ? (
        <tr>
          <td id={id} colSpan={columnsOf(hasScores).length} className="border-t border-line p-0">
            <PairOutput pair={pair} />
          </td>
        </tr>
      ) : null}
    </>
  )
}

const Item = ({ pair }: RowProps) => {
  const [isOpen, setOpen] = useState(false)
  const id = useId()
  const score = scoreOf(pair.trial)
  return (
    <li className="border-t border-line">
      <div className="px-3 pb-2">
        <Title pair={pair} isOpen={isOpen} outputId={id} onToggle={() => setOpen(!isOpen)} />
        <p className="flex flex-wrap items-center gap-x-3 pl-5 text-small leading-[18px] text-ink-2">
          <Outcomes pair={pair} />
          <span>
            <Figure pair={pair} shown={figures.tokens} /> tokens
          </span>
          <span>
            <Figure pair={pair} shown={figures.cost} />
          </span>
          {score === undefined ? null : <span>score {score}</span>}
        </p>
      </div>
      {isOpen ? (
        <div id={id}>
          <PairOutput pair={pair} />
        </div>
      ) : null}
    </li>
  )
}

/** How many pairs are shown before more are wanted. */
const most = 100

export const PairsTable = ({ pairs }: { readonly pairs: ReadonlyArray<Pair> }) => {
  const [count, setCount] = useState(most)
  const hasScores = pairs.some(({ trial }) => scoreOf(trial) !== undefined)
  const shown = pairs.slice(0, count)
  const left = pairs.length - shown.length
  return (
    <>
      <table className="w-full table-fixed border-collapse max-desk:hidden">
        <TableHead columns={columnsOf(hasScores)} />
        <tbody>
          {shown.map((pair) => (
            <Row key={pair.trial.run_id} pair={pair} hasScores={hasScores} />
          ))}
        </tbody>
      </table>
      <ul className="desk:hidden">
        {shown.map((pair) => (
          <Item key={pair.trial.run_id} pair={pair} hasScores={hasScores} />
        ))}
      </ul>
      {left === 0 ? null : (
        <button
          type="button"
          className="h-10 w-full border-t border-line font-medium text-ink-2 hover:bg-hover max-desk:h-11"
          onClick={() => setCount(count + most)}
        >
          Show more of the {integer(left)} that are left
        </button>
      )}
    </>
  )
}
