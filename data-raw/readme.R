# Draws the picture of README.md: Rscript data-raw/readme.R, from the top of the project, with rlmm
# installed.
library(rlmm)

fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
png("man/figures/sleepstudy.png", width = 1000, height = 460, res = 120)
print(plot_effect(fit, xlab = "Days with three hours in bed", ylab = "Reaction time (ms)"))
invisible(dev.off())
