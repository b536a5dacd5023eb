#' Looking at bootstrap samples
#'
#' @param x,object What [bootMer()] gives.
#' @param digits Number of significant digits.
#' @param level,type As in [confint.rlmm_boot()].
#' @param parm The statistics to draw, as in [confint.rlmm_boot()].
#' @param row.names,optional As in [as.data.frame()]; not used.
#' @param ... Handed to [lattice::histogram()] by `plot()`, to [confint.rlmm_boot()] by
#'   `summary()`; otherwise not used.
#' @return
#' `summary()` gives a data frame with a row for each statistic and columns `estimate`, `bias` (mean
#' of the samples less the estimate), `std.error` (their standard deviation), `median`, the limits
#' of an interval, and `n`, how many samples have a finite value. `as.data.frame()` gives the
#' samples, in rows. `plot()` gives a `trellis` object: histograms of each statistic's samples, with
#' a line at the estimate, and the interval as a bar along the axis.
#'
#' `print()` also tells what happened in the samples, from `x$notes`: how many failed and why, which
#' terms were singular how often, optima that were not certified, statistics that are undefined (a
#' correlation with an effect without variance), warnings and messages of `FUN`.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' b <- bootMer(fit, nsim = 200, seed = 1)
#' b
#' summary(b, type = "norm")
#' head(as.data.frame(b))
#' plot(b)
#' @export
print.rlmm_boot <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  cat("Bootstrap, ", x$R, " ", x$type, " samples ['rlmm']\n", sep = "")
  print_call(x$fit$call, x$fit$formula)
  cat("\n")
  print(boot_table(x), digits = digits)
  print_notes(x$notes, x$R)
  invisible(x)
}

boot_table <- function(x) {
  moments <- apply(x$t, 2L, function(t) {
    t <- t[is.finite(t)]
    c(mean(t), stats::sd(t), stats::median(t), length(t))
  })
  data.frame(estimate = x$t0, bias = moments[1L, ] - x$t0, std.error = moments[2L, ],
    median = moments[3L, ], n = as.integer(moments[4L, ]),
    row.names = if (is.null(names(x$t0))) paste0("t", seq_along(x$t0)) else
      make.unique(names(x$t0)))
}

print_notes <- function(notes, n) {
  text <- c(singular = "singular in", failed = "failed:", "not certified" = "",
    undefined = "undefined:", warning = "with the warning:", message = "with the message:"
  )[notes$kind]
  if (length(text)) cat("\n")
  for (i in seq_along(text)) {
    cat(notes$count[i], " of ", n, " ", text[i], if (nzchar(text[i])) " ", notes$text[i], "\n",
      sep = "")
  }
}

#' @rdname print.rlmm_boot
#' @export
summary.rlmm_boot <- function(object, level = 0.95, type = "perc", ...) {
  table <- boot_table(object)
  limits <- quiet_limits(object, NULL, level, type, ...)
  data.frame(table[c("estimate", "bias", "std.error", "median")], limits, n = table$n,
    row.names = rownames(table), check.names = FALSE)
}

#' @rdname print.rlmm_boot
#' @export
as.data.frame.rlmm_boot <- function(x, row.names = NULL, optional = FALSE, ...) {
  names <- rownames(boot_table(x))
  stats::setNames(as.data.frame(unname(x$t)), names)
}

#' @rdname print.rlmm_boot
#' @export
plot.rlmm_boot <- function(x, parm = NULL, level = 0.95, type = "perc", ...) {
  at <- boot_positions(x, parm)
  at <- at[colSums(is.finite(x$t[, at, drop = FALSE])) > 2L]
  names <- rownames(boot_table(x))[at]
  limits <- quiet_limits(x, at, level, type)
  estimates <- x$t0[at]
  data <- data.frame(value = as.vector(x$t[, at]),
    name = factor(rep(names, each = nrow(x$t)), names))
  draw(lattice::histogram, list(~ value | name, data = data[is.finite(data$value), ],
    as.table = TRUE, xlab = NULL, ylab = NULL, breaks = NULL, nint = bins_for(nrow(x$t)),
    type = "density", between = list(x = 0.5, y = 0.5),
    scales = list(x = list(relation = "free"), y = list(relation = "free", draw = FALSE)),
    par.settings = plot_theme(), par.strip.text = list(cex = 0.85, lines = 1.3),
    panel = function(x, ...) {
      panel_samples(x, estimates[[lattice::packet.number()]], limits[lattice::packet.number(), ],
        ...)
    }), ...)
}

bins_for <- function(n) as.integer(min(60, max(8, round(2 * n^(1 / 3)))))

quiet_limits <- function(x, at, level, type, ...) {
  withCallingHandlers(confint(x, at, level, type, ...),
    rlmm_bootstrap = function(c) {
      invokeRestart(if (inherits(c, "warning")) "muffleWarning" else "muffleMessage")
    })
}

# Bars, the estimate as a line, and the interval along the axis.
panel_samples <- function(x, estimate, limits, ...) {
  lattice::panel.histogram(x, ..., col = with_alpha(SOFT, 0.55), border = "white", lwd = 0.5)
  lattice::panel.abline(v = estimate, col = ACCENT, lwd = 1.5)
  if (!anyNA(limits)) {
    lattice::panel.segments(limits[1L], 0, limits[2L], 0, col = INK, lwd = 4, lend = 1)
  }
}
