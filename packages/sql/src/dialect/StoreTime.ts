/** The clock of leases and delays. */
import { Context } from "effect"

/**
 * On PostgreSQL it is the database's clock, which all servers share, unless a test sets Effect's Clock. SQLite always uses
 * Effect's Clock, as `StoreClock` reads it.
 */
export class StoreTime extends Context.Reference<StoreTime>()("@runlease/sql/StoreTime", {
  defaultValue: (): "database" | "clock" => "database",
}) {}
