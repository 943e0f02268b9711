/** The life of a key's material: made, replaced, to be replaced. */
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { ApiError } from "../../aws/client.ts";
import { every, useConsole, type Api, type Paged } from "../../frame/context.ts";
import { useLocale } from "../../i18n/i18n.tsx";
import { useLoad } from "../../parts/useLoad.ts";

/** Rotations of a key; none of one that cannot rotate. */
export async function rotationsOf(api: Api, id: string): Promise<Paged> {
  try {
    return await every(api, "kms", "ListKeyRotations", { KeyId: id }, "Rotations", ["NextMarker", "Marker"]);
  } catch (problem) {
    if (problem instanceof ApiError && problem.code === "UnsupportedOperationException") {
      return { items: [], more: false };
    }
    throw problem;
  }
}

interface Props {
  id: string;
  /** Epoch seconds, as KMS has them. */
  createdAt: number | undefined;
  nextAt: number | undefined;
}

export function RotationTimeline({ id, createdAt, nextAt }: Props) {
  const { t, time } = useLocale();
  const { api } = useConsole();
  const { data } = useLoad(`${id}/timeline`, () => rotationsOf(api, id));
  const rotations = (data?.items ?? []).filter(({ RotationDate }) => RotationDate !== undefined);
  const steps = [
    ...(createdAt === undefined ? [] : [{ at: createdAt, text: t("kms.created"), planned: false }]),
    ...rotations.map(({ RotationDate, RotationType }) => ({ at: RotationDate, text: RotationType, planned: false })),
    ...(nextAt === undefined ? [] : [{ at: nextAt, text: t("kms.next"), planned: true }]),
  ].toSorted((a, b) => a.at - b.at);
  return (
    <Container header={<Header variant="h2">{t("kms.timeline")}</Header>}>
      <ol className="timeline">
        {steps.map(({ at, text, planned }) => (
          <li key={`${at}/${text}`} className={planned ? "planned" : ""}>
            <div>{time(at)}</div>
            <div className="faint">{text}</div>
          </li>
        ))}
      </ol>
    </Container>
  );
}
