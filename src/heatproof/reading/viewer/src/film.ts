/** A film on screen: Cornerstone3D shows it and draws marks on it; a map lies between the two. */

import {
  cache,
  Enums,
  eventTarget,
  imageLoader,
  init as initCore,
  metaData,
  RenderingEngine,
  type Types,
} from "@cornerstonejs/core";
import {
  addTool,
  annotation,
  Enums as ToolEnums,
  init as initTools,
  MagnifyTool,
  PanTool,
  PlanarFreehandROITool,
  ProbeTool,
  RectangleROITool,
  ToolGroupManager,
  utilities,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";
import type { Mark, Picture } from "./api";

export type Hand = "draw" | "window" | "pan" | "zoom" | "magnify";

const ENGINE = "reading-room";
const VIEWPORT = "film";
const TOOLS = "hands";
const DRAWING = { contour: PlanarFreehandROITool, box: RectangleROITool, point: ProbeTool };
const HANDS = { window: WindowLevelTool, pan: PanTool, zoom: ZoomTool, magnify: MagnifyTool };
const COLOUR = "rgb(0, 255, 255)";
const { MouseBindings, Events } = ToolEnums;

/** Pixels of the film have their middle at .5; Cornerstone's at whole numbers. */
const HALF = 0.5;
const SHORTEST = 2; // pixels that a box or contour must span to be one

// One for the whole visit: each takes a context of the graphics card, of which there are few.
let engine: RenderingEngine | null = null;

/** A film ready to be shown: its values in Cornerstone's cache. */
export function prepare(id: string, film: Picture): string {
  start();
  const imageId = `film:${id}`;
  if (!cache.getImageLoadObject(imageId)) {
    const image = imageLoader.createAndCacheLocalImage(imageId, {
      scalarData: new Uint16Array(film.data),
      dimensions: [film.width, film.height],
      spacing: [1, 1],
      frameOfReferenceUID: imageId,
    } as never);
    image.windowCenter = 32767.5;
    image.windowWidth = 65535;
  }
  return imageId;
}

export function forget(id: string): void {
  const imageId = `film:${id}`;
  if (cache.getImageLoadObject(imageId)) cache.removeImageLoadObject(imageId, { force: true });
}

function start(): RenderingEngine {
  if (engine) return engine;
  initCore({ rendering: { webGlContextCount: 1 } } as never); // draws by the processor where it must
  initTools();
  // What Cornerstone asks of a film besides its pixels; nothing else is known here, or told.
  metaData.addProvider((type: string, imageId: string) => {
    if (!imageId.startsWith("film:")) return undefined;
    if (type === "generalSeriesModule") return { modality: "DX" };
    if (type === "voiLutModule") return { windowCenter: [32767.5], windowWidth: [65535] };
    return undefined;
  }, 1);
  for (const tool of [...Object.values(DRAWING), ...Object.values(HANDS)]) addTool(tool);
  engine = new RenderingEngine(ENGINE);
  return engine;
}

export class Film {
  private readonly engine: RenderingEngine;
  private readonly viewport: Types.IStackViewport;
  private readonly layer = document.createElement("canvas");
  private readonly resized: ResizeObserver;
  private map: HTMLCanvasElement | null = null;
  private truth: [number, number][][] = [];
  private changed = new Set<string>();
  private silent = false;
  private readonly listeners: [string, EventListener][] = [];

  constructor(
    readonly element: HTMLDivElement,
    private readonly shape: Mark["shape"] | null,
    /** A mark was drawn, or drawn otherwise; or, without points, taken away. */
    private readonly told: (mark: Mark) => void,
  ) {
    this.engine = start();
    this.engine.enableElement({
      viewportId: VIEWPORT,
      type: Enums.ViewportType.STACK,
      element,
      defaultOptions: { background: [0, 0, 0] },
    });
    this.viewport = this.engine.getViewport(VIEWPORT) as Types.IStackViewport;
    this.layer.className = "layer";
    const inner = element.querySelector("div.viewport-element")!;
    inner.insertBefore(this.layer, inner.querySelector("svg"));
    this.tools();
    this.listen();
    this.resized = new ResizeObserver(() => {
      this.engine.resize(true, true);
      this.draw();
    });
    this.resized.observe(element);
  }

  async show(imageId: string): Promise<void> {
    let failed: unknown;
    const hear = (event: Event) => (failed = (event as CustomEvent).detail);
    eventTarget.addEventListener(Enums.Events.IMAGE_LOAD_ERROR, hear);
    await this.viewport.setStack([imageId]);
    eventTarget.removeEventListener(Enums.Events.IMAGE_LOAD_ERROR, hear);
    if (failed) throw new Error(`the film cannot be shown: ${JSON.stringify(failed)}`);
    this.viewport.setProperties({ voiRange: { lower: 0, upper: 65535 } });
    this.viewport.resetCamera();
    this.viewport.render();
    this.draw();
  }

  hand(hand: Hand): void {
    const group = ToolGroupManager.getToolGroup(TOOLS)!;
    for (const tool of [...Object.values(HANDS), ...(this.shape ? [DRAWING[this.shape]] : [])])
      group.setToolPassive(tool.toolName, { removeAllBindings: true });
    const other: [{ toolName: string }, number][] = [
      [WindowLevelTool, MouseBindings.Secondary],
      [PanTool, MouseBindings.Auxiliary],
      [ZoomTool, MouseBindings.Wheel],
    ];
    const first = hand === "draw" && this.shape ? DRAWING[this.shape] : HANDS[hand === "draw" ? "window" : hand];
    const bindings = new Map<string, object[]>([[first.toolName, [{ mouseButton: MouseBindings.Primary }]]]);
    for (const [tool, mouseButton] of other)
      bindings.set(tool.toolName, [...(bindings.get(tool.toolName) ?? []), { mouseButton }]);
    bindings.get(PanTool.toolName)!.push({ numTouchPoints: 2 });
    for (const [toolName, list] of bindings) group.setToolActive(toolName, { bindings: list as never });
  }

  get inverted(): boolean {
    return !!this.viewport.getProperties().invert;
  }

  invert(): void {
    this.viewport.setProperties({ invert: !this.inverted });
    this.viewport.render();
  }

  reset(): void {
    this.viewport.resetProperties();
    this.viewport.setProperties({ voiRange: { lower: 0, upper: 65535 }, invert: false });
    this.viewport.resetCamera();
    this.viewport.render();
  }

  /** Zoom by a factor about the middle. */
  zoom(factor: number): void {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.viewport.render();
  }

  /** Where a point of the film lies on screen, from the top left corner of the element. */
  place(x: number, y: number): [number, number] {
    const [left, top] = this.viewport.worldToCanvas([x - HALF, y - HALF, 0]);
    return [left, top];
  }

  setMap(map: HTMLCanvasElement | null): void {
    this.map = map;
    this.draw();
  }

  setTruth(contours: [number, number][][]): void {
    this.truth = contours;
    this.draw();
  }

  /** Draw these marks and no others. */
  setMarks(marks: Mark[]): void {
    this.silent = true;
    annotation.state.removeAllAnnotations();
    for (const mark of marks) this.add(mark);
    this.silent = false;
    utilities.triggerAnnotationRenderForViewportIds([VIEWPORT]); // the film itself stays as it is
  }

  /** The mark that is selected. */
  selected(): string | null {
    return annotation.selection.getAnnotationsSelected()[0] ?? null;
  }

  close(): void {
    this.resized.disconnect();
    for (const [name, listener] of this.listeners) eventTarget.removeEventListener(name, listener);
    annotation.state.removeAllAnnotations();
    ToolGroupManager.destroyToolGroup(TOOLS);
    this.engine.disableElement(VIEWPORT);
  }

  private tools(): void {
    const group = ToolGroupManager.createToolGroup(TOOLS)!;
    const quiet = { calculateStats: false, getTextLines: () => null };
    if (this.shape)
      group.addTool(DRAWING[this.shape].toolName, {
        ...quiet,
        allowOpenContours: false,
        storePointData: false,
        handleRadius: "7",
        preventHandleOutsideImage: true,
        touchCanvasOffset: { x: 0, y: 0 },
      });
    for (const tool of Object.values(HANDS)) group.addTool(tool.toolName, { magnifySize: 4, magnifyWidth: 280, magnifyHeight: 280 });
    group.addViewport(VIEWPORT, ENGINE);
    annotation.config.style.setDefaultToolStyles({
      global: {
        color: COLOUR,
        colorHighlighted: "rgb(255, 255, 0)",
        colorSelected: "rgb(255, 255, 255)",
        lineWidth: "2",
        lineDash: "",
        shadow: true,
      },
    } as never);
    this.hand(this.shape ? "draw" : "window");
  }

  private listen(): void {
    const on = (name: string, listener: (detail: { annotation: { annotationUID: string } }) => void) => {
      const heard = ((event: CustomEvent) => {
        if (!this.silent) listener(event.detail);
      }) as unknown as EventListener;
      eventTarget.addEventListener(name, heard);
      this.listeners.push([name, heard]);
    };
    on(Events.ANNOTATION_COMPLETED, (detail) => {
      this.changed.delete(detail.annotation.annotationUID);
      this.tell(detail.annotation.annotationUID);
    });
    on(Events.ANNOTATION_MODIFIED, (detail) => this.changed.add(detail.annotation.annotationUID));
    // A mark that is dragged changes at every step; what counts is where it is let go.
    const settle = () =>
      setTimeout(() => {
        const ids = [...this.changed];
        this.changed.clear();
        for (const id of ids) this.tell(id);
      });
    this.element.addEventListener("mouseup", settle);
    this.element.addEventListener("touchend", settle);
    document.addEventListener("mouseup", settle);
    this.listeners.push(["mouseup", settle]);
    this.element.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.draw());
    this.element.addEventListener(Enums.Events.CAMERA_MODIFIED, () => this.draw());
    // A tap is no click besides: it would draw twice.
    this.element.addEventListener("touchend", (event) => event.cancelable && event.preventDefault(), { passive: false });
    this.element.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  private tell(id: string): void {
    const found = annotation.state.getAnnotation(id);
    if (!found) return;
    const points = this.points(found as never);
    if (points) this.told({ id, shape: this.shape!, points });
    else {
      // A click where a contour was to be drawn.
      this.silent = true;
      annotation.state.removeAnnotation(id);
      this.silent = false;
      utilities.triggerAnnotationRenderForViewportIds([VIEWPORT]);
    }
  }

  private points(found: {
    data: { contour?: { polyline: number[][] }; handles?: { points: number[][] } };
  }): [number, number][] | null {
    const film = ([x, y]: number[]): [number, number] => [
      Math.round((x! + HALF) * 100) / 100,
      Math.round((y! + HALF) * 100) / 100,
    ];
    if (this.shape === "contour") {
      const points = thinned((found.data.contour?.polyline ?? []).map(film));
      return points.length >= 3 && span(points) >= SHORTEST ? points : null;
    }
    const points = (found.data.handles?.points ?? []).map(film);
    if (this.shape === "point") return points.length ? [points[0]!] : null;
    if (points.length < 4) return null;
    const corners: [number, number][] = [points[0]!, points[3]!];
    return span(corners) >= SHORTEST ? corners : null;
  }

  private add(mark: Mark): void {
    const world = ([x, y]: [number, number]): Types.Point3 => [x - HALF, y - HALF, 0];
    const points = mark.points.map(world);
    const reference = this.viewport.getViewReference();
    const metadata = { ...reference, toolName: DRAWING[mark.shape].toolName };
    const common = { annotationUID: mark.id, highlighted: false, invalidated: false, isLocked: false, isVisible: true };
    let data: object;
    if (mark.shape === "contour")
      data = {
        contour: { polyline: points, closed: true, windingDirection: undefined },
        handles: { points: [], activeHandleIndex: null, textBox: { hasMoved: false } },
        label: "",
        cachedStats: {},
      };
    else if (mark.shape === "box") {
      const [a, b] = points as [Types.Point3, Types.Point3];
      data = {
        handles: {
          points: [a, [b[0], a[1], 0], [a[0], b[1], 0], b],
          activeHandleIndex: null,
          textBox: { hasMoved: false },
        },
        label: "",
        cachedStats: {},
      };
    } else data = { handles: { points, activeHandleIndex: null }, label: "", cachedStats: {} };
    annotation.state.addAnnotation({ ...common, metadata, data } as never, this.element);
  }

  /** The map, and the truth of a training film, over the film as it lies now. */
  private draw(): void {
    const { clientWidth, clientHeight } = this.element;
    const ratio = window.devicePixelRatio || 1;
    const size = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.layer.width !== size[0] || this.layer.height !== size[1])
      [this.layer.width, this.layer.height] = size as [number, number];
    const context = this.layer.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    const image = this.viewport.getImageData()?.dimensions;
    if (!image) return;
    const [left, top] = this.place(0, 0);
    const [right, bottom] = this.place(image[0]!, image[1]!);
    // Where the film lies, for scripts that draw as a hand does.
    this.element.dataset.place = [left, top, right, bottom].join(" ");
    if (this.map) {
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.map, left, top, right - left, bottom - top);
    }
    for (const contour of this.truth) {
      context.beginPath();
      for (const [x, y] of contour) context.lineTo(...this.place(x, y));
      context.closePath();
      for (const [style, width] of [["#000", 4], ["#ffb000", 2]] as const) {
        context.strokeStyle = style;
        context.lineWidth = width;
        context.stroke();
      }
    }
  }
}

function span(points: [number, number][]): number {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
}

/** A contour without points that lie within a tenth of a pixel of the line that is left. */
export function thinned(points: [number, number][], tolerance = 0.1): [number, number][] {
  if (points.length < 4) return points;
  const kept = new Uint8Array(points.length);
  kept[0] = kept[points.length - 1] = 1;
  const spans: [number, number][] = [[0, points.length - 1]];
  while (spans.length) {
    const [from, to] = spans.pop()!;
    const [ax, ay] = points[from]!;
    const [bx, by] = points[to]!;
    const length = Math.hypot(bx - ax, by - ay);
    let furthest = -1;
    let most = tolerance;
    for (let i = from + 1; i < to; i++) {
      const [x, y] = points[i]!;
      const distance = length
        ? Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length
        : Math.hypot(x - ax, y - ay);
      if (distance > most) [furthest, most] = [i, distance];
    }
    if (furthest > 0) {
      kept[furthest] = 1;
      spans.push([from, furthest], [furthest, to]);
    }
  }
  return points.filter((_, i) => kept[i]);
}
