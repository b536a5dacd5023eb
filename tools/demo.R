# Usage: Rscript tools/demo.R DIRECTORY (called by tools/demo)
library(rlmm)
library(lattice)
directory <- commandArgs(TRUE)[1]

# Data and fitted lines, a panel for each level of the grouping factor.
draw_fit <- function(formula, fit, data, file, width, ...) {
  data$.fitted <- fitted(fit)
  path <- file.path(directory, file)
  png(path, width = width, height = 800, res = 110)
  print(xyplot(
    formula, data, as.table = TRUE, between = list(x = 0.2, y = 0.2), ...,
    panel = function(x, y, subscripts, ...) {
      panel.xyplot(x, y, pch = 16, cex = 0.5, col = "grey40")
      panel.lines(x, data$.fitted[subscripts], lwd = 2, col = "firebrick")
    }
  ))
  invisible(dev.off())
  path
}

cat("\n== Sleep deprivation: every subject has a level and a slope of its own\n\n")
sleep <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
print(summary(sleep))

cat("\n== Growth of pigs: every pig has a level and a growth rate of its own\n\n")
pigs <- rlmm(Weight ~ Time + (Time | Pig), dietox)
print(summary(pigs))

pictures <- c(
  draw_fit(Reaction ~ Days | Subject, sleep, sleepstudy, "sleepstudy.png", 1100,
    layout = c(6, 3), xlab = "Days of sleep deprivation", ylab = "Reaction time (ms)"),
  draw_fit(Weight ~ Time | Pig, pigs, dietox, "dietox.png", 1500,
    layout = c(12, 6), strip = strip.custom(par.strip.text = list(cex = 0.6)),
    xlab = "Week", ylab = "Weight (kg)")
)
cat("\nPictures saved in:\n", paste0("  ", pictures, "\n"), sep = "")
