# Power by simulation: print and picture.

power_title <- function(x) {
  test <- c(t = "t tests with Satterthwaite's degrees of freedom", z = "z tests",
    lr = "likelihood ratio tests")[[attr(x, "test")]]
  paste0("Power for ", paste(attr(x, "term"), collapse = ", "), ": ", test, ", level ",
    format(attr(x, "alpha")))
}

#' @rdname power_sim
#' @export
print.rlmm_power <- function(x, digits = 3, ...) {
  cat(power_title(x), "\n", sep = "")
  cat(attr(x, "nsim"), " simulations each, seed ", format(attr(x, "seed"), digits = 15), "\n\n",
    sep = "")
  shown <- x[setdiff(names(x), c(if (all(x$failed == 0)) "failed", "simulations"))]
  print(data.frame(unclass(shown), check.names = FALSE), digits = digits, row.names = FALSE)
  invisible(x)
}

#' @rdname power_sim
#' @export
plot.rlmm_power <- function(x, target = 0.8, ...) {
  # what varies is along the axis, by colour, and by panel, in this order
  many <- Filter(function(name) length(unique(x[[name]])) > 1L, attr(x, "varying"))
  if (length(many) == 0L) many <- attr(x, "varying")[1L]
  data <- data.frame(size = x[[many[1L]]], power = x$power, lower = x$lower, upper = x$upper)
  data$by <- if (length(many) > 1L) labelled_values(x, many[2L]) else factor("")
  formula <- power ~ size
  if (length(many) > 2L) {
    data$panel <- do.call(interaction, c(lapply(many[-(1:2)], labelled_values, x = x), sep = ", "))
    formula <- power ~ size | panel
  }
  colours <- grDevices::hcl.colors(nlevels(data$by) + 2L, "Blues 3")[seq_len(nlevels(data$by))]
  key <- if (length(many) > 1L) {
    list(space = "right", lines = list(col = colours, lwd = 2), text = list(levels(data$by)),
      cex = 0.85, padding.text = 3)
  }
  draw(lattice::xyplot, list(formula, data = data, ylim = c(-0.04, 1.04), xlab = many[1L],
    ylab = "Power", main = list(power_title(x), cex = 0.9, font = 1), as.table = TRUE, key = key,
    xlim = range_with_margin(data$size), par.settings = plot_theme(),
    scales = list(alternating = FALSE, x = list(at = axis_values(data$size),
      labels = vapply(axis_values(data$size), format, "", digits = 4))),
    panel = function(x, y, subscripts, ...) {
      lattice::panel.grid(h = -1, v = 0, col = "grey92")
      lattice::panel.abline(h = target, col = "grey45", lty = 2)
      panel_power(data[subscripts, ], colours)
    }), ...)
}

labelled_values <- function(x, name) {
  texts <- paste(name, "=", vapply(x[[name]], format, "", digits = 4))
  factor(texts, unique(texts))
}

# All sizes where there is room for them.
axis_values <- function(size) {
  values <- sort(unique(size))
  if (length(values) <= 8L) values else pretty(values)
}

# Powers with their confidence limits, joined by lines for each colour; side by side.
panel_power <- function(data, colours) {
  width <- 0.008 * diff(lattice::current.panel.limits()$xlim)
  for (k in seq_along(colours)) {
    own <- data[as.integer(data$by) == k, ]
    own <- own[order(own$size), ]
    own$size <- own$size + width * (k - (1 + length(colours)) / 2)
    lattice::panel.segments(own$size, own$lower, own$size, own$upper, col = colours[k])
    lattice::panel.lines(own$size, own$power, col = colours[k], lwd = 1.5)
    lattice::panel.points(own$size, own$power, col = colours[k], pch = 16, cex = 0.8)
  }
}
