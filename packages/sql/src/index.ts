export * as Dialect from "./Dialect.js"
export * as SqlControlPlane from "./SqlControlPlane.js"
export * as SqliteBackup from "./SqliteBackup.js"
export * as SqliteFile from "./SqliteFile.js"
