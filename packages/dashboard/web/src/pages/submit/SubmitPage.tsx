/** The page on which runs are submitted by hand. */
import { useQuery } from "@tanstack/react-query"
import { getRouteApi } from "@tanstack/react-router"
import { agentsQuery } from "../../api/project"
import { useProject } from "../../api/session"
import { Page } from "../../shell/Page"
import { Skeleton } from "../../ui/Loading"
import { Trouble } from "../../ui/Trouble"
import { SubmitForm } from "./SubmitForm"

const route = getRouteApi("/signed-in/submit")

const SubmitPage = () => {
  const project = useProject() ?? ""
  const { agent = "" } = route.useSearch()
  const agents = useQuery(agentsQuery(project))
  return (
    <Page title="Submit a run">
      {agents.data !== undefined ? (
        <SubmitForm key={agent} agents={agents.data} initial={agent} />
      ) : agents.error !== null ? (
        <div className="max-w-[720px] rounded-3 border border-line bg-surface">
          <Trouble error={agents.error} retry={() => void agents.refetch()} />
        </div>
      ) : (
        <Skeleton rows={4} />
      )}
    </Page>
  )
}

export default SubmitPage
