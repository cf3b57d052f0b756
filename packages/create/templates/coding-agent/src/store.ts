import { SqlControlPlane } from "@runlease/sql"

export const store = SqlControlPlane.layerSqlite({ filename: "runs.sqlite" })
