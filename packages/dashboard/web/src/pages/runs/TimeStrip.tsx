/** When runs were submitted and how many failed, as a strip to brush: it counts all runs, where the table has those that are loaded. */
import { useQuery } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import { send } from "../../api/client"
import { integer, plural } from "../../format/numbers"
import { useNow } from "../../ui/now"
import type { RunFilter } from "./filter"
import { instantOf, type Range } from "./range"
import { StripBars } from "./StripBars"
import { StripBrush } from "./StripBrush"
import {
  axisWords,
  bucketCount,
  bucketMillis,
  bucketsOf,
  bucketWords,
  brushOf,
  domainOf,
  rangeOf,
  scaleFor,
  type Bucket,
  type StripScale,
} from "./timeStrip"

const useBuckets = (
  project: string,
  agent: string | undefined,
  { merge, step }: StripScale,
  now: number,
): ReadonlyArray<Bucket> => {
  const last = merge * bucketCount
  const { data } = useQuery({
    queryKey: ["strip", project, agent, step, last],
    queryFn: ({ signal }) =>
      send("statistics", { path: { project }, query: { step, last, agent_id: agent }, signal }),
    refetchInterval: 60_000,
  })
  return useMemo(() => bucketsOf(data?.periods ?? [], { merge, step }, now), [data, merge, now, step])
}

const places = [0, 1, 2, 3, 4]

const Axis = ({
  scale,
  start,
  width,
}: {
  readonly scale: StripScale
  readonly start: number
  readonly width: number
}) => (
  <div aria-hidden className="relative h-4">
    {places.map((place) => (
      <span
        key={place}
        className={`absolute ${place === 0 ? "" : "-translate-x-1/2"}`}
        style={{ left: `${(place / places.length) * 100}%` }}
      >
        {axisWords(start + (place / places.length) * width, scale)}
      </span>
    ))}
    <span className="absolute right-0">now</span>
  </div>
)

const countWords = ({ failed, submitted }: Pick<Bucket, "failed" | "submitted">): string =>
  `${integer(submitted)} submitted, ${integer(failed)} failed`

interface Props {
  readonly project: string
  readonly filter: RunFilter
  readonly onChange: (range: Range) => void
}

export const TimeStrip = ({ filter, onChange, project }: Props) => {
  const tick = useNow()
  const range = { from: instantOf(filter.from, tick), to: instantOf(filter.to, tick) }
  const scale = scaleFor(range.from, tick)
  // The strip moves on by whole buckets.
  const now = Math.floor(tick / bucketMillis(scale)) * bucketMillis(scale)
  const domain = domainOf(scale, now)
  const buckets = useBuckets(project, filter.agent, scale, now)
  const [pointed, setPointed] = useState<number>()
  const bucket = pointed === undefined ? undefined : buckets[pointed]
  const total = {
    submitted: buckets.reduce((sum, { submitted }) => sum + submitted, 0),
    failed: buckets.reduce((sum, { failed }) => sum + failed, 0),
  }
  const span =
    scale.step === "hour" ? "14 days" : plural(Math.round((bucketCount * scale.merge) / 60), "hour")
  return (
    <div className="px-4 pt-2.5 pb-2 text-micro text-ink-3 max-desk:hidden">
      <div
        className="relative h-10"
        onPointerMove={({ clientX, currentTarget }) => {
          const { left, width } = currentTarget.getBoundingClientRect()
          setPointed(Math.floor(((clientX - left) / width) * bucketCount))
        }}
        onPointerLeave={() => setPointed(undefined)}
      >
        <StripBars buckets={buckets} label={`Runs of the last ${span}: ${countWords(total)}`} />
        <StripBrush
          brush={brushOf(range, domain)}
          wordsAt={(share) => {
            const at = domain.start + share * (domain.end - domain.start)
            return share >= 1 ? "now" : bucketWords(at, scale)
          }}
          onChange={(brush) => onChange(rangeOf(brush, domain))}
          onReset={() => onChange({ from: undefined, to: undefined })}
        />
      </div>
      <div className="mt-0.5">
        {bucket === undefined ? (
          <Axis scale={scale} start={domain.start} width={domain.end - domain.start} />
        ) : (
          <p className="h-4 text-ink-2">
            <b className="font-medium text-ink">{bucketWords(bucket.start, scale)}</b> {countWords(bucket)}
          </p>
        )}
      </div>
    </div>
  )
}
