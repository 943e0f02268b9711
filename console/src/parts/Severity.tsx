import Badge, { type BadgeProps } from "@cloudscape-design/components/badge";
import { useLocale } from "../i18n/i18n.tsx";

type Level = "informational" | "low" | "medium" | "high" | "critical";

const colors: Readonly<Record<Level, NonNullable<BadgeProps["color"]>>> = {
  informational: "severity-neutral",
  low: "severity-low",
  medium: "severity-medium",
  high: "severity-high",
  critical: "severity-critical",
};

/** GuardDuty User Guide, "Severity levels of GuardDuty findings": low below 4, medium below 7, high below 9, critical. */
export function levelOf(severity: number): Level {
  if (severity < 4) return "low";
  if (severity < 7) return "medium";
  return severity < 9 ? "high" : "critical";
}

export function Severity({ level, number }: { level: Level; number?: number }) {
  const { t } = useLocale();
  return (
    <Badge color={colors[level]}>
      {t(`severity.${level}`)}
      {number === undefined ? "" : ` ${number}`}
    </Badge>
  );
}
