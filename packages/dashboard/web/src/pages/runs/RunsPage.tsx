import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Runs">{null}</Page>

export default ThisPage
