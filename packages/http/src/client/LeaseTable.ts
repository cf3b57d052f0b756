/**
 * The leases of a worker in memory that its main thread and its renewal thread share.
 *
 * The main thread writes a lease into a free slot, so the other one sees it at once, even if the main thread is blocked
 * from then on. The slots are in pages, and are counted through them. A slot whose generation is 0 is free. A reader takes a
 * slot as read only if its generation is the same after reading as before.
 *
 * `RenewalProgram` reads the pages by the same layout.
 */
import type * as RenewalRounds from "@runlease/core/RenewalRounds"

/** Where the fields of a slot are, in bytes. A run's id has 128 characters at most, each of 3 bytes at most. */
export const layout = {
  pageSlots: 64,
  slotBytes: 408,
  /** Int32 */
  generation: 0,
  /** Int32, of the run's id in bytes */
  idLength: 4,
  /** BigInt64; -1 where there is none */
  epoch: 8,
  /** BigInt64, of `process.hrtime`: when the latest renewal that was granted was sent; 0 before the first */
  renewedAt: 16,
  /** UTF-8 */
  id: 24,
} as const

export type Layout = typeof layout

export interface LeaseTable<Lease extends RenewalRounds.RoundLease> {
  readonly add: (lease: Lease) => void
  readonly remove: (lease: Lease) => void

  /** The lease that got that slot with that generation, unless it was removed. */
  readonly find: (slot: number, generation: number) => Lease | undefined

  /** By `process.hrtime`; undefined before the first renewal. */
  readonly renewedAt: (lease: Lease) => bigint | undefined
}

interface Page {
  readonly int32: Int32Array
  readonly int64: BigInt64Array
  readonly bytes: Buffer
}

/** Makes a table. It gets another page when all slots are in use, and calls `onPage` with each. */
export const make = <Lease extends RenewalRounds.RoundLease>(
  onPage: (page: SharedArrayBuffer) => void,
): LeaseTable<Lease> => {
  const pages: Array<Page> = []
  const free: Array<number> = []
  const slots = new Map<Lease, number>()
  const leases: Array<Lease | undefined> = []
  let generations = 0

  const grow = (): void => {
    const shared = new SharedArrayBuffer(layout.pageSlots * layout.slotBytes)
    const first = pages.length * layout.pageSlots
    for (let slot = first + layout.pageSlots - 1; slot >= first; slot -= 1) free.push(slot)
    pages.push({
      int32: new Int32Array(shared),
      int64: new BigInt64Array(shared),
      bytes: Buffer.from(shared),
    })
    onPage(shared)
  }
  const pageOf = (slot: number): Page => pages[Math.floor(slot / layout.pageSlots)]!
  const startOf = (slot: number): number => (slot % layout.pageSlots) * layout.slotBytes

  return {
    add: (lease) => {
      if (free.length === 0) grow()
      const slot = free.pop()!
      const { bytes, int32, int64 } = pageOf(slot)
      const start = startOf(slot)
      const { epoch, runId } = lease.ref
      int32[(start + layout.idLength) / 4] = bytes.write(runId, start + layout.id, "utf8")
      int64[(start + layout.epoch) / 8] = BigInt(epoch ?? -1)
      int64[(start + layout.renewedAt) / 8] = 0n
      generations = (generations % 0x7fff_ffff) + 1
      Atomics.store(int32, (start + layout.generation) / 4, generations)
      slots.set(lease, slot)
      leases[slot] = lease
    },
    remove: (lease) => {
      const slot = slots.get(lease)
      if (slot === undefined) return
      Atomics.store(pageOf(slot).int32, (startOf(slot) + layout.generation) / 4, 0)
      slots.delete(lease)
      leases[slot] = undefined
      free.push(slot)
    },
    find: (slot, generation) =>
      Atomics.load(pageOf(slot).int32, (startOf(slot) + layout.generation) / 4) === generation
        ? leases[slot]
        : undefined,
    renewedAt: (lease) => {
      const slot = slots.get(lease)
      if (slot === undefined) return undefined
      const sentAt = Atomics.load(pageOf(slot).int64, (startOf(slot) + layout.renewedAt) / 8)
      return sentAt === 0n ? undefined : sentAt
    },
  }
}
