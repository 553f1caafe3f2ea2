// A sweep: its points as a line or a map.

import { axisOf, sweepFigure } from "../../charts/sweep.js";
import { GROUPS } from "../plan/fields.js";

/** The chart of a sweep. It is updated with the points. */
export function sweep({ axes }) {
  const fields = GROUPS.flatMap(({ fields: all }) => all);
  const fieldOf = (pointer) => fields.find((field) => field.pointer === pointer) ?? { label: pointer, unit: "count" };
  return sweepFigure(axes.map(({ pointer, values }) => axisOf(fieldOf(pointer), values)));
}
