import type { ReactNode } from "react";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { ErrorAlert } from "./ErrorAlert.tsx";

export interface DetailsProps {
  title: string;
  pairs: readonly (readonly [label: string, value: ReactNode])[];
  error?: unknown;
  actions?: ReactNode;
  columns?: number;
}

export function Details({ title, pairs, error, actions, columns = 3 }: DetailsProps) {
  return (
    <Container
      header={
        <Header variant="h2" actions={actions}>
          {title}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <ErrorAlert error={error} />
        {pairs.length > 0 ? (
          <KeyValuePairs
            columns={columns}
            minColumnWidth={220}
            items={pairs.map(([label, value]) => ({ label, value: value ?? "–" }))}
          />
        ) : null}
      </SpaceBetween>
    </Container>
  );
}
