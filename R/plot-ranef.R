#' Pictures of random effects
#'
#' @param x What [ranef()] gives, or [coef()].
#' @param y Not used; it belongs to the generic.
#' @param data Not used; it belongs to lattice's generics.
#' @param level Probability of the intervals; `NULL` for none.
#' @param main Put the name of the grouping factor above? Or the title itself.
#' @param transf A function that is applied to the effects and to the ends of the intervals.
#' @param ... Handed to lattice.
#' @return A list of class `rlmm_plots` with one `trellis` object for each grouping factor, by name.
#'   All are drawn when it is printed.
#' @details
#' `dotplot()` shows the effects of each level in the order of the first effect, with intervals from
#' their conditional standard deviations (theta and the fixed effects taken as known); those that do
#' not hold zero are darker. Names of levels are left out where there are more than 80. `qqmath()`
#' has the effects against normal quantiles. `plot()` is `qqmath()` for factors with one effect per
#' level and otherwise a scatter plot of the effects. The pictures of `coef()` have the coefficients
#' that differ between levels, without intervals.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' dotplot(ranef(fit))
#' qqmath(ranef(fit))
#' plot(ranef(fit))
#' plot(coef(fit))
#' @name plot.rlmm_ranef
NULL

#' @importFrom lattice dotplot
#' @export
lattice::dotplot

#' @importFrom lattice qqmath
#' @export
lattice::qqmath

#' @rdname plot.rlmm_ranef
#' @export
dotplot.rlmm_ranef <- function(x, data, main = TRUE, transf = I, level = 0.95, ...) {
  by_factor(x, main, transf, level, function(long, title) {
    levels_n <- nlevels(long$grp)
    effects_picture(grp ~ condval | term, long, title, list(ylab = NULL,
      scales = list(y = level_scale(levels_n), x = list(relation = "free"))), ...)
  })
}

#' @rdname plot.rlmm_ranef
#' @export
qqmath.rlmm_ranef <- function(x, data, main = TRUE, transf = I, level = 0.95, ...) {
  by_factor(x, main, transf, level, function(long, title) {
    long$z <- normal_scores(long)
    effects_picture(z ~ condval | term, long, title, list(ylab = "Standard normal quantiles",
      scales = list(x = list(relation = "free"))), ...)
  })
}

#' @rdname plot.rlmm_ranef
#' @export
plot.rlmm_ranef <- function(x, y, main = TRUE, ...) {
  plots <- lapply(names(x), function(group) {
    effects <- effects_table(x[[group]])
    if (ncol(effects) < 2L) return(qqmath(x[group], main = main, ...)[[1L]])
    scatter_of_effects(effects, title_of(main, group), inherits(x, "ranef.mer"), ...)
  })
  structure(stats::setNames(plots, names(x)), class = "rlmm_plots")
}

# A data frame, also where ranef(drop = TRUE) gave a vector.
effects_table <- function(effects) {
  if (is.data.frame(effects)) return(effects)
  data.frame(`(Intercept)` = as.vector(effects), row.names = names(effects), check.names = FALSE)
}

#' @rdname plot.rlmm_ranef
#' @export
dotplot.rlmm_coef <- function(x, data, main = TRUE, ...) {
  dotplot.rlmm_ranef(varying_coefficients(x), main = main, level = NULL, ...)
}

#' @rdname plot.rlmm_ranef
#' @export
qqmath.rlmm_coef <- function(x, data, main = TRUE, ...) {
  qqmath.rlmm_ranef(varying_coefficients(x), main = main, level = NULL, ...)
}

#' @rdname plot.rlmm_ranef
#' @export
plot.rlmm_coef <- function(x, y, main = TRUE, ...) {
  plot.rlmm_ranef(varying_coefficients(x), main = main, ...)
}

# A coefficient without a random part is the same for all levels.
varying_coefficients <- function(x) {
  vary <- function(table) table[vapply(table, function(b) any(b != b[1L]), NA)]
  structure(Filter(length, lapply(unclass(x), vary)), class = c("rlmm_coef_varying", "rlmm_ranef"))
}

#' @export
`[.rlmm_ranef` <- function(x, i) {
  chosen <- unclass(x)[i]
  # some packages put matrices of standard errors in the place of the effects
  if (any(vapply(chosen, is.matrix, NA))) chosen else structure(chosen, class = class(x))
}

scatter_of_effects <- function(effects, title, around_zero, ...) {
  theme <- plot_theme(nrow(effects))
  if (ncol(effects) > 2L) {
    return(draw(lattice::splom, list(~effects, main = title, par.settings = theme, xlab = NULL,
      varname.cex = 0.8, axis.text.cex = 0.6, panel = function(x, y, ...) {
        if (around_zero) lattice::panel.abline(h = 0, v = 0, col = "grey85")
        lattice::panel.points(x, y, ...)
      }), ...))
  }
  draw(lattice::xyplot, list(effects[[2L]] ~ effects[[1L]], main = title, par.settings = theme,
    xlab = names(effects)[1L], ylab = names(effects)[2L], panel = function(x, y, ...) {
      lattice::panel.grid(h = -1, v = -1, col = "grey92")
      if (around_zero) lattice::panel.abline(h = 0, v = 0, col = "grey60")
      lattice::panel.points(x, y, ...)
    }), ...)
}

# One picture for each grouping factor from the long data frame of its effects.
by_factor <- function(x, main, transf, level, picture) {
  plots <- lapply(names(x), function(group) {
    picture(effects_with_limits(x[group], transf, level), title_of(main, group))
  })
  structure(stats::setNames(plots, names(x)), class = "rlmm_plots")
}

title_of <- function(main, group) if (isTRUE(main)) group else if (!isFALSE(main)) main

# The long data frame with columns lower, upper and reference; `clear` is TRUE where the interval
# leaves the reference out. Coefficients have no reference.
effects_with_limits <- function(x, transf = I, level = 0.95) {
  long <- as.data.frame(x)
  half <- if (is.null(level) || is.null(long$condsd)) 0 else
    stats::qnorm((1 + level) / 2) * long$condsd
  long$lower <- as.double(transf(long$condval - half))
  long$upper <- as.double(transf(long$condval + half))
  zero <- if (inherits(x, "ranef.mer")) 0 else NA_real_
  long$reference <- as.double(transf(rep(zero, nrow(long))))
  long$condval <- as.double(transf(long$condval))
  long$clear <- !(long$lower <= long$reference & long$upper >= long$reference) %in% TRUE
  long
}

# Normal quantiles of the effects, term by term.
normal_scores <- function(long) {
  stats::ave(long$condval, long$grpvar, long$term, FUN = function(b) {
    stats::qnorm(stats::ppoints(length(b)))[rank(b, ties.method = "first")]
  })
}

effects_picture <- function(axes, long, title, labels, ...) {
  panel <- function(x, y, subscripts, ...) {
    lower <- long$lower[subscripts]
    upper <- long$upper[subscripts]
    clear <- long$clear[subscripts]
    lattice::panel.grid(h = 0, v = -1, col = "grey92")
    if (is.factor(y) && nlevels(y) <= 80L) lattice::panel.abline(h = unique(y), col = "grey95")
    reference <- long$reference[subscripts][1L]
    if (!is.na(reference)) lattice::panel.abline(v = reference, col = "grey45")
    n <- length(x)
    thin <- max(0.5, min(1.6, 60 / n))
    lattice::panel.segments(lower, y, upper, y, lwd = thin,
      col = ifelse(clear, INK, with_alpha(SOFT, 0.8)))
    lattice::panel.points(x, y, pch = 16, cex = max(0.25, min(0.75, 40 / n)),
      col = ifelse(clear, INK, SOFT))
  }
  prepanel <- function(x, y, subscripts, ...) {
    list(xlim = range_with_margin(long$lower[subscripts], long$upper[subscripts]))
  }
  draw(lattice::xyplot, list(axes, data = long, main = title, xlab = NULL, panel = panel,
    prepanel = prepanel, par.settings = plot_theme(nrow(long)), as.table = TRUE,
    between = list(x = 1)), labels, ...)
}

#' @rdname plot.rlmm_ranef
#' @export
print.rlmm_plots <- function(x, ...) {
  asked <- length(x) > 1L && grDevices::dev.interactive()
  if (asked) {
    before <- grDevices::devAskNewPage(TRUE)
    on.exit(grDevices::devAskNewPage(before))
  }
  for (plot in unclass(x)) print(plot, ...)
  invisible(x)
}
