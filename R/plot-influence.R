#' Plot of Cook's distances
#'
#' @param x What [influence()] gives.
#' @param labels How many of the largest to name, where not all are.
#' @param y Not used.
#' @param ... Handed to [lattice::xyplot()].
#' @return A `trellis` object: up to 40 groups with their names in the order of their distances,
#'   more in their own order with the largest named. The dashed line is 4 / m for m groups, a
#'   common mark for a look.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' plot(influence(fit, "Subject"))
#' plot(influence(fit))
#' @export
plot.rlmm_influence <- function(x, y, labels = 5L, ...) {
  distance <- x$cooks
  n <- length(distance)
  mark <- 4 / sum(!is.na(distance))
  if (n <= 40L) return(ranked_distances(distance, mark, x$groups, ...))
  at <- seq_len(n)
  top <- utils::head(order(distance, decreasing = TRUE), labels)
  draw(lattice::xyplot, list(distance ~ at, xlab = paste("Index of", x$groups),
    ylab = "Cook's distance", par.settings = plot_theme(n),
    ylim = c(0, 1.1 * max(distance, mark, na.rm = TRUE)), panel = function(x, y, ...) {
      lattice::panel.grid(h = -1, v = 0, col = "grey92")
      lattice::panel.abline(h = mark, col = "grey45", lty = 2)
      lattice::panel.segments(x, 0, x, y, col = ifelse(y > mark, INK, SOFT),
        lwd = max(0.4, min(1.5, 150 / n)))
      lattice::panel.text(x[top], y[top], names(distance)[top], cex = 0.7, pos = 3, offset = 0.25)
    }), ...)
}

ranked_distances <- function(distance, mark, title, ...) {
  level <- stats::reorder(factor(names(distance), unique(names(distance))), distance)
  draw(lattice::xyplot, list(level ~ distance, xlab = "Cook's distance", ylab = title,
    scales = list(y = level_scale(length(distance))), par.settings = plot_theme(),
    xlim = c(0, 1.08 * max(distance, mark, na.rm = TRUE)), panel = function(x, y, ...) {
      lattice::panel.grid(h = 0, v = -1, col = "grey92")
      lattice::panel.abline(v = mark, col = "grey45", lty = 2)
      lattice::panel.segments(0, y, x, y, col = ifelse(x > mark, INK, SOFT))
      lattice::panel.points(x, y, pch = 16, cex = 0.8, col = ifelse(x > mark, INK, SOFT))
    }), ...)
}
