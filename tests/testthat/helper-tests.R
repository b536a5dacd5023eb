# Fits for tests of the fixed effects, with lmerTest's of the same model at a tight optimum.

df_data <- function(name, package) {
  testthat::skip_if_not_installed(package)
  # groups without an order, which nlme's data have
  d <- as.data.frame(get(utils::data(list = name, package = package, envir = environment())))
  for (group in intersect(names(d), c("Worker", "Block", "Pig"))) {
    d[[group]] <- factor(d[[group]], ordered = FALSE)
  }
  d
}

df_cases <- list(
  sleepstudy = list(Reaction ~ Days + (Days | Subject), "sleepstudy", "lme4"),
  independent = list(Reaction ~ Days + (Days || Subject), "sleepstudy", "lme4"),
  cake = list(angle ~ recipe * temperature + (1 | recipe:replicate), "cake", "lme4"),
  Penicillin = list(diameter ~ 1 + (1 | plate) + (1 | sample), "Penicillin", "lme4"),
  dietox = list(Weight ~ Time + I(Time^2) + (Time | Pig), "dietox", "rlmm"),
  Machines = list(score ~ Machine + (1 | Worker / Machine), "Machines", "nlme"),
  Machines_full = list(score ~ Machine + (Machine | Worker), "Machines", "nlme"),
  Oats = list(yield ~ nitro * Variety + (1 | Block / Variety), "Oats", "nlme"),
  Pastes = list(strength ~ cask + (1 | batch / cask), "Pastes", "lme4")
)

# Both fits of a case, made once.
df_fits <- function(name) {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  key <- paste0("df_", name)
  if (is.null(shared[[key]])) {
    case <- df_cases[[name]]
    data <- df_data(case[[2L]], case[[3L]])
    tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9),
      calc.derivs = FALSE)
    lmerTest_fit <- suppressMessages(eval(bquote(
      lmerTest::lmer(.(case[[1L]]), data, control = tight))))
    lmerTest_fit@call$control <- NULL
    shared[[key]] <- list(ours = rlmm(case[[1L]], data), theirs = lmerTest_fit)
  }
  shared[[key]]
}
