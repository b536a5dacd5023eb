# How time and memory grow: series of rows, groups, levels of crossed factors, and covariance
# parameters, each fit in a process of its own, rlmm() beside lme4::lmer() while that takes less
# than `limit` seconds.
#
#   Rscript bench/scaling.R [series=rows,groups,crossed,theta] [limit=60] [budget=Inf] [lib=.lib]
#                           [write=yes]
#
# from the top of the project. A series starts no further fit when its share of `budget` seconds is
# used up: `limit=8 budget=120` is a short version. Writes bench/scaling-<series>.png.

source("bench/common.R")

# rlmm() may take this many times longer than lmer() before its series ends.
PATIENCE <- 5

half_decades <- function(from, to) unique(round(10^seq(log10(from), log10(to), by = 0.5)))

# Intercepts and slopes of 100 schools and their 1,000 classes.
rows_data <- function(n) {
  class <- rep_len(1:1000, n)
  school <- (class - 1L) %/% 10L + 1L
  x <- rnorm(n)
  y <- x + rnorm(100)[school] + rnorm(100, 0, 0.3)[school] * x + rnorm(1000, 0, 0.5)[class] +
    rnorm(1000, 0, 0.3)[class] * x + rnorm(n)
  data.frame(y = y, x = x, school = factor(school), class = factor(class))
}

# Intercepts and slopes, ten rows in each group.
groups_data <- function(groups) {
  g <- rep(seq_len(groups), each = 10L)
  x <- rnorm(length(g))
  y <- x + rnorm(groups)[g] + rnorm(groups, 0, 0.5)[g] * x + rnorm(length(g))
  data.frame(y = y, x = x, g = factor(g))
}

# Two factors of so many levels that meet at random, 40 rows for each level.
crossed_levels_data <- function(levels) {
  n <- 40L * levels
  a <- sample.int(levels, n, TRUE)
  b <- sample.int(levels, n, TRUE)
  x <- rnorm(n)
  data.frame(y = x + rnorm(levels)[a] + rnorm(levels, 0, 0.6)[b] + rnorm(n), x = x,
    a = factor(a), b = factor(b))
}

# One term with so many columns, 300 groups of 40 rows.
theta_data <- function(columns) {
  g <- rep(1:300, each = 40L)
  X <- cbind(1, matrix(rnorm(length(g) * (columns - 1)), length(g)))
  factor <- diag(columns) * 0.6 + 0.05
  effects <- matrix(rnorm(300 * columns), 300) %*% factor
  data <- as.data.frame(X[, -1L, drop = FALSE])
  names(data) <- sprintf("x%d", seq_len(columns - 1L))
  cbind(data, y = rowSums(X * effects[g, , drop = FALSE]) + rnorm(length(g)), g = factor(g))
}

theta_formula <- function(columns) {
  slopes <- c("1", sprintf("x%d", seq_len(columns - 1L)))
  as.formula(sprintf("y ~ 1 + (%s | g)", paste(slopes, collapse = " + ")), globalenv())
}

all_series <- list(
  rows = list(title = "rows (1,100 groups, nested, intercept and slope)",
    steps = half_decades(1e4, 1e7), data = rows_data,
    formula = function(n) y ~ x + (1 + x | school) + (1 + x | class)),
  groups = list(title = "groups (10 rows each, intercept and slope)",
    steps = half_decades(1e2, 1e6), data = groups_data,
    formula = function(n) y ~ x + (1 + x | g)),
  crossed = list(title = "levels of each of two crossed factors (40 rows per level)",
    steps = 250 * 2^(0:5), data = crossed_levels_data,
    formula = function(n) y ~ x + (1 | a) + (1 | b)),
  theta = list(title = "covariance parameters (one term, 300 groups, 12,000 rows)",
    steps = c(1, 2, 4, 6, 8, 12, 16), data = theta_data, formula = theta_formula,
    size = function(columns) columns * (columns + 1) / 2)
)

size_of <- function(series, step) if (is.null(series$size)) step else series$size(step)

# Fits a step with those that are still in the running; a data frame with a row for each.
fit_step <- function(series, step, running, limit) {
  set.seed(1)
  data <- series$data(step)
  formula <- series$formula(step)
  environment(formula) <- globalenv()
  model <- list(formula = formula, REML = TRUE)
  rows <- lapply(running, function(fitter) {
    seconds <- limit * if (fitter == "rlmm") PATIENCE else 1
    found <- fit_apart(fitter, model, data, seconds)
    if (is.null(found$error)) {
      return(data.frame(fitter = fitter, step = step, size = size_of(series, step),
        found[c("wall", "cpu", "peak", "criterion", "evaluations")], over = found$wall > seconds))
    }
    message("  ", fitter, " at ", size_of(series, step), ": ", found$error)
  })
  do.call(rbind, rows)
}

run_series <- function(name, options, seconds) {
  series <- all_series[[name]]
  started <- proc.time()[["elapsed"]]
  running <- c("rlmm", "lmer")
  found <- NULL
  for (step in series$steps) {
    if (length(running) == 0L || proc.time()[["elapsed"]] - started > seconds) break
    message(format(Sys.time(), "%H:%M:%S"), " ", name, " ", size_of(series, step))
    rows <- fit_step(series, step, running, options$limit)
    found <- rbind(found, rows)
    running <- intersect(running, rows$fitter[!rows$over])
  }
  found
}

# Exponent of growth over the upper half of the sizes (three at least): small ones show constants.
growth <- function(size, value) {
  keep <- utils::tail(which(is.finite(value) & value > 0), max(3L, ceiling(length(size) / 2)))
  if (length(keep) < 2L) return(NA_real_)
  stats::coef(stats::lm(log(value[keep]) ~ log(size[keep])))[[2L]]
}

colours <- c(rlmm = "#0B5FA5", lmer = "#D9822B")
symbols <- c(rlmm = 19, lmer = 17)

# One panel on log axes, with the slopes in the legend.
draw_panel <- function(found, measure, xlab, ylab) {
  found <- found[is.finite(found[[measure]]) & found[[measure]] > 0, ]
  limits <- range(found[[measure]])
  # the legend needs the upper third
  limits[2L] <- limits[2L] * max(3, (limits[2L] / limits[1L])^0.4)
  plot(range(found$size), limits, type = "n", log = "xy", xlab = xlab, ylab = "", axes = FALSE,
    main = ylab, font.main = 1, cex.main = 1)
  for (side in 1:2) log_axis(side)
  legend_text <- vapply(names(colours), function(fitter) {
    of <- found[found$fitter == fitter, ]
    lines(of$size, of[[measure]], type = "b", col = colours[[fitter]], pch = symbols[[fitter]],
      lwd = 2)
    sprintf("%s, slope %.2f", fitter, growth(of$size, of[[measure]]))
  }, "")
  legend("topleft", sub(", slope NA", "", legend_text), col = colours, pch = symbols, lwd = 2,
    bty = "n")
}

# Labels and grid at powers of ten, or where there are few of these, at 1, 2 and 5 times them.
log_axis <- function(side) {
  limits <- 10^par("usr")[if (side == 1) 1:2 else 3:4]
  powers <- 10^(floor(log10(limits[1L])):ceiling(log10(limits[2L])))
  at <- if (diff(log10(limits)) < 1.9) c(outer(c(1, 2, 5), powers)) else powers
  at <- at[at >= limits[1L] & at <= limits[2L]]
  if (side == 1) abline(v = at, col = "grey90") else abline(h = at, col = "grey90")
  axis(side, at, short_number(at), las = 1, lwd = 0, lwd.ticks = 1, col.ticks = "grey60")
}

short_number <- function(x) {
  unit <- ifelse(x >= 1e6, 1e6, ifelse(x >= 1e4, 1e3, 1))
  paste0(number(x / unit), c("", "k", "M")[match(unit, c(1, 1e3, 1e6))])
}

draw_series <- function(name, found) {
  grDevices::png(sprintf("bench/scaling-%s.png", name), width = 1000, height = 440, res = 100)
  on.exit(grDevices::dev.off())
  par(mfrow = 1:2, mar = c(4.2, 5.2, 2, 0.6), mgp = c(2.9, 0.7, 0))
  title <- sub(" \\(.*", "", all_series[[name]]$title)
  draw_panel(found, "wall", title, "time, seconds")
  draw_panel(transform(found, peak = peak / 1e6), "peak", title, "peak memory of the fit, MB")
}

series_table <- function(name, found) {
  of <- function(fitter, size, column) {
    value <- found[[column]][found$fitter == fitter & found$size == size]
    if (length(value)) value else NA_real_
  }
  rows <- lapply(unique(found$size), function(size) {
    wall <- c(of("rlmm", size, "wall"), of("lmer", size, "wall"))
    peak <- c(of("rlmm", size, "peak"), of("lmer", size, "peak"))
    less <- of("rlmm", size, "criterion") - of("lmer", size, "criterion")
    c(format(size, big.mark = ",", scientific = FALSE), number(wall), number(wall[2L] / wall[1L]),
      megabytes(peak), of("rlmm", size, "evaluations"),
      if (is.na(less)) "" else format(less, digits = 2))
  })
  slope <- function(fitter, column) {
    with(found[found$fitter == fitter, ], number(growth(size, get(column))))
  }
  slopes <- c("slope", slope("rlmm", "wall"), slope("lmer", "wall"), "", slope("rlmm", "peak"),
    slope("lmer", "peak"), "", "")
  markdown_table(c(name, "rlmm, s", "lmer, s", "lmer / rlmm", "rlmm, MB", "lmer, MB",
    "evaluations", "criterion less lmer's"), c(rows, list(slopes)))
}

section <- function(all_found, limit) {
  c(
    "## Growth of time and memory", "",
    paste0("Each fit in a fresh process (`bench/scaling.R`), lmer until it takes over ", limit,
      " s. Slopes on log axes over the upper half of the sizes."),
    unlist(lapply(names(all_found), function(name) {
      c("", paste("Against", all_series[[name]]$title), "", series_table(name, all_found[[name]]),
        "", sprintf("![Time and memory against %s](scaling-%s.png)", name, name))
    })),
    "", machine_facts()
  )
}

single_blas_thread()
options <- command_options(series = names(all_series), limit = 60, budget = Inf)
found <- sapply(options$series, run_series, options = options,
  seconds = options$budget / length(options$series), simplify = FALSE)
found <- Filter(Negate(is.null), found)
for (name in names(found)) draw_series(name, found[[name]])
report("scaling", section(found, options$limit), options$write,
  setequal(options$series, names(all_series)) && options$limit >= 60 && options$budget == Inf)
